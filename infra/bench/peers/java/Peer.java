// SPDX-License-Identifier: MIT

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The Java peer of chillybin: kafka-clients and JDBC. See ../README.md.
 *
 * Each of WORKERS threads has a consumer and a connection; all share a
 * producer. Idiomatic: a transaction an order, offsets committed after each
 * poll. Tuned: a poll is a batch, copied in binary, and picks are sent without
 * waiting for their acknowledgements.
 */
public final class Peer implements Runnable {
    private static final String SUFFIX = setting("TOPIC_SUFFIX", "");
    private static final boolean TUNED = setting("MODE", "idiomatic").equals("tuned");
    private static final int BATCH = Integer.parseInt(setting("BATCH", "2000"));
    private static final long N = Long.parseLong(setting("N", "0"));
    private static final Progress PROGRESS = new Progress();
    private static volatile boolean stopped;

    private final KafkaProducer<byte[], byte[]> producer;
    private final KafkaConsumer<byte[], byte[]> consumer = consumer();
    private final Database database = new Database(setting("DATABASE_URL", ""));
    private final ArrayDeque<Flight> flights = new ArrayDeque<>();

    /** A batch whose picks are not all acknowledged. */
    private record Flight(AtomicInteger left, Map<Integer, Long> ends) { }

    /** Counts orders: decided, and with an acknowledged pick. */
    private static final class Progress {
        private long decided;
        private long acked;
        private long from;
        private long fromN;
        private double seconds;

        synchronized void addDecided(int n) {
            decided += n;
            if (from == 0 && decided * 10 >= N) {
                from = System.nanoTime();
                fromN = decided;
            } else if (seconds == 0 && decided * 10 >= N * 9) {
                seconds = (System.nanoTime() - from) / 1e9 * 0.8 * N / (decided - fromN);
            }
        }

        synchronized void addAcked(int n) {
            acked += n;
            if (N > 0 && acked >= N) {
                stopped = true;
            }
        }
    }

    private Peer(KafkaProducer<byte[], byte[]> producer) throws Exception {
        this.producer = producer;
    }

    private static String setting(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    private static KafkaConsumer<byte[], byte[]> consumer() {
        Map<String, Object> c = new HashMap<>();
        c.put("bootstrap.servers", setting("KAFKA_BROKERS", "127.0.0.1:9092"));
        c.put("group.id", "galore.peer.java" + SUFFIX);
        c.put("enable.auto.commit", false);
        c.put("auto.offset.reset", "earliest");
        c.put("max.poll.records", BATCH);
        return new KafkaConsumer<>(c, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static KafkaProducer<byte[], byte[]> producer() {
        Map<String, Object> c = new HashMap<>();
        c.put("bootstrap.servers", setting("KAFKA_BROKERS", "127.0.0.1:9092"));
        c.put("acks", "all");
        c.put("enable.idempotence", true);
        c.put("compression.type", "none");
        c.put("linger.ms", setting("LINGER_MS", "5"));
        if (TUNED) {
            c.put("batch.size", 256 * 1024);
            c.put("buffer.memory", 64L * 1024 * 1024);
        }
        return new KafkaProducer<>(c, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** Partitions begin where Postgres says; before they go, all is sent. */
    private final class Partitions implements ConsumerRebalanceListener {
        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> given) {
            try {
                database.load();
            } catch (Exception e) {
                fail(e);
            }
            for (TopicPartition p : given) {
                consumer.seek(p, database.next[p.partition()]);
            }
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> taken) {
            try {
                finish();
            } catch (Exception e) {
                fail(e);
            }
        }
    }

    private void finish() throws Exception {
        producer.flush();
        settle();
        database.saveEmitted();
    }

    private void settle() {
        while (!flights.isEmpty() && flights.peek().left.get() == 0) {
            flights.poll().ends.forEach((partition, end) -> database.emitted[partition] = end);
        }
    }

    private void publish(List<Order> orders) throws Exception {
        Map<Integer, Long> ends = new HashMap<>();
        orders.forEach(order -> ends.put(order.partition, order.offset + 1));
        Flight flight = new Flight(new AtomicInteger(orders.size()), ends);
        flights.add(flight);
        for (Order order : orders) {
            producer.send(order.pick("picks" + SUFFIX), (metadata, e) -> {
                if (e != null) {
                    fail(e);
                } else if (flight.left.decrementAndGet() == 0) {
                    PROGRESS.addAcked(orders.size());
                }
            });
        }
    }

    private void idiomatic(Iterable<ConsumerRecord<byte[], byte[]>> records) throws Exception {
        for (ConsumerRecord<byte[], byte[]> record : records) {
            Order order = new Order(record);
            database.place(order);
            PROGRESS.addDecided(1);
            publish(List.of(order));
        }
        finish();
        consumer.commitSync();
    }

    private void tuned(Iterable<ConsumerRecord<byte[], byte[]>> records) throws Exception {
        List<Order> orders = new ArrayList<>(BATCH);
        for (ConsumerRecord<byte[], byte[]> record : records) {
            orders.add(new Order(record));
        }
        settle();
        try {
            database.placeAll(orders);
        } catch (java.sql.SQLException e) {
            if (!Database.needsOneByOne(e)) {
                throw e;
            }
            for (Order order : orders) {
                database.place(order);
            }
        }
        PROGRESS.addDecided(orders.size());
        publish(orders);
    }

    @Override
    public void run() {
        try (database; consumer) {
            consumer.subscribe(List.of("orders" + SUFFIX), new Partitions());
            while (!stopped) {
                var records = consumer.poll(Duration.ofMillis(50));
                if (records.isEmpty()) {
                    continue;
                }
                if (TUNED) {
                    tuned(records);
                } else {
                    idiomatic(records);
                }
            }
        } catch (Exception e) {
            fail(e);
        }
    }

    private static void fail(Exception e) {
        e.printStackTrace();
        Runtime.getRuntime().halt(1);
    }

    /** A signal ends the JVM once its hooks are through: so the hook waits. */
    private static void endOnSignal(Thread main) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopped = true;
            try {
                main.join();
            } catch (InterruptedException e) {
                return;
            }
            Runtime.getRuntime().halt(0);
        }));
    }

    public static void main(String[] arguments) {
        endOnSignal(Thread.currentThread());
        try {
            runAll();
        } catch (Exception e) {
            fail(e);
        }
        System.out.printf("middle_seconds %.3f%n", PROGRESS.seconds);
        System.out.flush();
    }

    private static void runAll() throws Exception {
        List<Thread> threads = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = producer()) {
            for (int n = Integer.parseInt(setting("WORKERS", "1")); n > 0; n--) {
                threads.add(new Thread(new Peer(producer)));
            }
            threads.forEach(Thread::start);
            System.out.println("ready");
            for (Thread thread : threads) {
                thread.join();
            }
        }
    }
}
