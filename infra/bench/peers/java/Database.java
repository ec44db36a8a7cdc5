// SPDX-License-Identifier: MIT

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.URI;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;
import org.postgresql.copy.CopyManager;

/** Database: the rows of orders, stock and positions, over one connection. */
final class Database implements AutoCloseable {
    /** What each column is given: see values() and copyRow(). */
    private static final List<String> COLUMNS = List.of("order_id", "content_hash", "offset",
            "decided_at", "partition", "order_version", "pick_version", "verdict", "doneness",
            "grill", "stall", "customer", "items", "missing", "trace", "tracestate", "metadata");
    private static final String NAMES = "\"" + String.join("\", \"", COLUMNS) + "\"";
    private static final String COPY = "COPY orders (" + NAMES + ") FROM STDIN (FORMAT binary)";
    private static final String INSERT = "INSERT INTO orders (" + NAMES + ") VALUES ("
            + String.join(", ", COLUMNS.stream().map(c -> c.equals("verdict") || c.equals("doneness")
                    ? "?::\"char\"" : "?").toList()) + ") ON CONFLICT (order_id) DO NOTHING";
    private static final byte[] COPY_BEGINS = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', (byte) 0xff, '\r',
        '\n', 0, 0, 0, 0, 0, 0, 0, 0, 0};
    private static final long EPOCH_MS = 946684800000L; // Postgres counts from 2000 on
    private static final String POSITION = " p.service = 'chillybin' AND p.lane = 'stable'"
            + " AND p.topic = 'orders' AND p.colour = 'blue'";

    static final class Short extends SQLException {
        private static final long serialVersionUID = 1;
    }

    private record Key(String stall, String name) { }

    private final Connection connection;
    private final CopyManager copy;
    private final PreparedStatement insert;
    private final PreparedStatement known;
    private final PreparedStatement take;
    private final PreparedStatement left;
    private final PreparedStatement move;
    private final PreparedStatement lockAll;
    private final PreparedStatement takeAll;
    private final PreparedStatement moveAll;
    private final PreparedStatement saveEmitted;
    private final Bytes buffer = new Bytes();
    private final DataOutputStream out = new DataOutputStream(buffer);

    /** Up to where partitions are decided, and their picks acknowledged. */
    final long[] next = new long[Order.PARTITIONS];
    final long[] emitted = new long[Order.PARTITIONS];

    /** Its bytes without a copy. */
    private static final class Bytes extends ByteArrayOutputStream {
        byte[] array() {
            return buf;
        }
    }

    Database(String url) throws SQLException {
        connection = open(URI.create(url));
        connection.setSchema("galore");
        connection.setAutoCommit(false);
        copy = connection.unwrap(PGConnection.class).getCopyAPI();
        insert = prepare(INSERT);
        known = prepare("SELECT verdict = 'p', decided_at FROM orders WHERE order_id = ?");
        take = prepare("UPDATE stock SET quantity = quantity - ?"
                + " WHERE stall = ? AND ingredient = ? AND quantity >= ?");
        left = prepare("SELECT quantity FROM stock WHERE stall = ? AND ingredient = ?");
        move = prepare("UPDATE positions p SET next_offset = ? WHERE" + POSITION
                + " AND p.partition = ? AND p.next_offset = ?");
        lockAll = prepare("SELECT 1 FROM stock WHERE (stall, ingredient) IN ("
                + "SELECT * FROM unnest(?::text[], ?::text[])) ORDER BY stall, ingredient FOR UPDATE");
        takeAll = prepare("UPDATE stock s SET quantity = s.quantity - d.n"
                + " FROM unnest(?::text[], ?::text[], ?::bigint[]) AS d(stall, ingredient, n)"
                + " WHERE s.stall = d.stall AND s.ingredient = d.ingredient");
        moveAll = prepare("UPDATE positions p SET next_offset = m.next,"
                + " emitted_offset = greatest(p.emitted_offset, m.emitted)"
                + " FROM unnest(?::int[], ?::bigint[], ?::bigint[], ?::bigint[])"
                + " AS m(partition, old, next, emitted)"
                + " WHERE" + POSITION + " AND p.partition = m.partition AND p.next_offset = m.old");
        saveEmitted = prepare("UPDATE positions p SET emitted_offset = m.emitted"
                + " FROM unnest(?::int[], ?::bigint[]) AS m(partition, emitted)"
                + " WHERE" + POSITION + " AND p.partition = m.partition"
                + " AND m.emitted BETWEEN p.emitted_offset + 1 AND p.next_offset");
    }

    /** By its socket where the URL names one, as libpq does. */
    private static Connection open(URI url) throws SQLException {
        Properties properties = new Properties();
        String authority = url.getRawAuthority();
        String user = authority.substring(0, authority.indexOf('@'));
        String place = authority.substring(authority.indexOf('@') + 1);
        String port = place.contains(":") ? place.substring(place.indexOf(':') + 1) : "5432";
        String host = place.contains(":") ? place.substring(0, place.indexOf(':')) : place;
        properties.setProperty("user", user.split(":")[0]);
        if (user.contains(":")) {
            properties.setProperty("password", user.split(":", 2)[1]);
        }
        for (String option : url.getQuery() == null ? new String[0] : url.getQuery().split("&")) {
            if (option.startsWith("host=/")) {
                properties.setProperty("socketFactory",
                        "org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg");
                properties.setProperty("socketFactoryArg", option.substring(5) + "/.s.PGSQL." + port);
                properties.setProperty("sslmode", "disable");
                host = "localhost";
            }
        }
        properties.setProperty("prepareThreshold", "1");
        return DriverManager.getConnection("jdbc:postgresql://" + host + ":" + port + url.getPath(), properties);
    }

    private PreparedStatement prepare(String sql) throws SQLException {
        return connection.prepareStatement(sql);
    }

    void load() throws SQLException {
        try (PreparedStatement s = connection.prepareStatement(
                "SELECT partition, next_offset, emitted_offset FROM positions p WHERE" + POSITION);
                ResultSet r = s.executeQuery()) {
            while (r.next()) {
                next[r.getInt(1)] = r.getLong(2);
                emitted[r.getInt(1)] = r.getLong(3);
            }
        }
        connection.commit();
    }

    void saveEmitted() throws SQLException {
        Integer[] which = new Integer[next.length];
        Arrays.setAll(which, i -> i);
        saveEmitted.setArray(1, connection.createArrayOf("int4", which));
        saveEmitted.setArray(2, connection.createArrayOf("int8", Arrays.stream(emitted).boxed().toArray()));
        saveEmitted.executeUpdate();
        connection.commit();
    }

    // ---- one order in a transaction of its own ----

    void place(Order order) throws SQLException {
        order.picked = true;
        order.decidedAt = System.currentTimeMillis();
        try {
            placeAs(order);
        } catch (Short e) {
            order.picked = false;
            order.missing = missing(order);
            placeAs(order);
        }
    }

    private void placeAs(Order order) throws SQLException {
        try {
            values(order);
            if (insert.executeUpdate() == 0) {
                readKnown(order);
            } else if (order.picked) {
                takeEach(order);
            }
            move.setLong(1, order.offset + 1);
            move.setInt(2, order.partition);
            move.setLong(3, next[order.partition]);
            expect(1, move.executeUpdate(), new SQLException("another worker has moved a position"));
            connection.commit();
            next[order.partition] = order.offset + 1;
        } catch (SQLException e) {
            connection.rollback();
            throw e;
        }
    }

    private static void expect(int wanted, int is, SQLException otherwise) throws SQLException {
        if (wanted != is) {
            throw otherwise;
        }
    }

    /** content_hash 0: it is not known. */
    private void values(Order o) throws SQLException {
        insert.setObject(1, o.id);
        insert.setLong(2, 0);
        insert.setLong(3, o.offset);
        insert.setTimestamp(4, new Timestamp(o.decidedAt));
        insert.setShort(5, (short) o.partition);
        insert.setShort(6, (short) 2);
        insert.setShort(7, (short) 2);
        insert.setString(8, o.picked ? "p" : "r");
        insert.setString(9, o.doneness.substring(0, 1));
        insert.setBoolean(10, o.grill);
        insert.setString(11, o.stall);
        insert.setString(12, o.customer);
        insert.setString(13, o.itemsText());
        insert.setString(14, o.missingText());
        insert.setBytes(15, o.traceBytes());
        insert.setString(16, o.tracestate == null ? null : Order.string(o.tracestate));
        insert.setBytes(17, o.metadata);
    }

    private void readKnown(Order order) throws SQLException {
        known.setObject(1, order.id);
        try (ResultSet r = known.executeQuery()) {
            r.next();
            order.picked = r.getBoolean(1);
            order.decidedAt = r.getTimestamp(2).getTime();
        }
    }

    private void takeEach(Order order) throws SQLException {
        List<Order.Item> sorted = new ArrayList<>(order.items);
        sorted.sort(Comparator.comparing(Order.Item::name));
        for (Order.Item item : sorted) {
            take.setLong(1, item.quantity());
            take.setString(2, order.stall);
            take.setString(3, item.name());
            take.setLong(4, item.quantity());
            expect(1, take.executeUpdate(), new Short());
        }
    }

    private List<Order.Missing> missing(Order order) throws SQLException {
        List<Order.Missing> found = new ArrayList<>();
        for (Order.Item item : order.items) {
            left.setString(1, order.stall);
            left.setString(2, item.name());
            try (ResultSet r = left.executeQuery()) {
                Long n = r.next() ? Long.valueOf(r.getLong(1)) : null;
                if (n == null || n < item.quantity()) {
                    found.add(new Order.Missing(item.name(), item.quantity(), n));
                }
            }
        }
        return found;
    }

    // ---- a batch in one transaction: orders first, then what others wait for ----

    void placeAll(List<Order> orders) throws SQLException, IOException {
        Map<Key, Long> sums = new TreeMap<>(Comparator.comparing(Key::stall).thenComparing(Key::name));
        Map<Integer, Long> ends = new TreeMap<>();
        long now = System.currentTimeMillis();
        buffer.reset();
        out.write(COPY_BEGINS);
        for (Order o : orders) {
            o.picked = true;
            o.decidedAt = now;
            ends.put(o.partition, o.offset + 1);
            for (Order.Item item : o.items) {
                sums.merge(new Key(o.stall, item.name()), (long) item.quantity(), Long::sum);
            }
            copyRow(o);
        }
        out.writeShort(-1);
        try {
            CopyIn in = copy.copyIn(COPY);
            in.writeToCopy(buffer.array(), 0, buffer.size());
            in.endCopy();
            takeAndMove(sums, ends);
            connection.commit();
        } catch (SQLException e) {
            connection.rollback();
            throw e;
        }
        ends.forEach((partition, end) -> next[partition] = end);
    }

    private void takeAndMove(Map<Key, Long> sums, Map<Integer, Long> ends) throws SQLException {
        Object[] stalls = sums.keySet().stream().map(Key::stall).toArray(String[]::new);
        Object[] names = sums.keySet().stream().map(Key::name).toArray(String[]::new);
        for (PreparedStatement s : List.of(lockAll, takeAll)) {
            s.setArray(1, connection.createArrayOf("text", stalls));
            s.setArray(2, connection.createArrayOf("text", names));
        }
        lockAll.executeQuery().close();
        takeAll.setArray(3, connection.createArrayOf("int8", sums.values().toArray()));
        expect(sums.size(), takeAll.executeUpdate(), new Short());
        Object[] which = ends.keySet().toArray();
        moveAll.setArray(1, connection.createArrayOf("int4", which));
        moveAll.setArray(2, connection.createArrayOf("int8", ends.keySet().stream().map(p -> next[p]).toArray()));
        moveAll.setArray(3, connection.createArrayOf("int8", ends.values().toArray()));
        moveAll.setArray(4, connection.createArrayOf("int8", ends.keySet().stream().map(p -> emitted[p]).toArray()));
        expect(which.length, moveAll.executeUpdate(), new SQLException("another worker has moved a position"));
    }

    private void copyRow(Order o) throws IOException {
        out.writeShort(COLUMNS.size());
        out.writeInt(16);
        out.writeLong(o.id.getMostSignificantBits());
        out.writeLong(o.id.getLeastSignificantBits());
        putLong(0);
        putLong(o.offset);
        putLong((o.decidedAt - EPOCH_MS) * 1000);
        putShort(o.partition);
        putShort(2);
        putShort(2);
        putByte('p');
        putByte(o.doneness.charAt(0));
        putByte(o.grill ? 1 : 0);
        putBytes(Order.bytes(o.stall));
        putBytes(o.customer == null ? null : Order.bytes(o.customer));
        putBytes(Order.bytes(o.itemsText()));
        putBytes(null);
        putBytes(o.traceBytes());
        putBytes(o.tracestate);
        putBytes(o.metadata);
    }

    private void putLong(long n) throws IOException {
        out.writeInt(8);
        out.writeLong(n);
    }

    private void putShort(int n) throws IOException {
        out.writeInt(2);
        out.writeShort(n);
    }

    private void putByte(int n) throws IOException {
        out.writeInt(1);
        out.writeByte(n);
    }

    private void putBytes(byte[] b) throws IOException {
        if (b == null) {
            out.writeInt(-1);
        } else {
            out.writeInt(b.length);
            out.write(b);
        }
    }

    /** A known order, or too little stock: one by one says which. */
    static boolean needsOneByOne(SQLException e) {
        return e instanceof Short || "23505".equals(e.getSQLState()) || "23514".equals(e.getSQLState());
    }

    @Override
    public void close() throws SQLException {
        connection.close();
    }
}
