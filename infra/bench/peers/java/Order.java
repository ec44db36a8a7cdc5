// SPDX-License-Identifier: MIT

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.msgpack.core.MessageBufferPacker;
import org.msgpack.core.MessagePack;
import org.msgpack.core.MessageUnpacker;

/** Order: a record of `orders` as it is read, and the pick that is said of it. */
final class Order {
    static final int PARTITIONS = 12; // of each topic, for ever

    record Item(String name, int quantity) {}

    record Missing(String name, int wanted, Long left) {}

    String text; // the id: the key
    UUID id;
    int partition;
    long offset;
    String stall;
    String customer;
    final List<Item> items = new ArrayList<>(8);
    String doneness = "light";
    boolean grill = true;
    byte[] metadata; // a msgpack map as it came
    byte[] trace; // as it came
    byte[] tracestate;

    boolean picked;
    List<Missing> missing = List.of();
    long decidedAt; // ms

    Order(ConsumerRecord<byte[], byte[]> record) throws IOException {
        partition = record.partition();
        offset = record.offset();
        boolean placed = false;
        boolean second = false;
        for (Header h : record.headers()) {
            switch (h.key()) {
                case "ce_type" -> placed = string(h.value()).equals("galore.order.placed");
                case "schema-version" -> second = string(h.value()).equals("2");
                case "traceparent" -> trace = h.value();
                case "tracestate" -> tracestate = h.value();
                default -> { }
            }
        }
        if (!placed || !second) {
            throw new IOException("no order of version 2");
        }
        readBody(record.value());
        id = UUID.fromString(text);
    }

    private void readBody(byte[] body) throws IOException {
        MessageUnpacker in = MessagePack.newDefaultUnpacker(body);
        for (int n = in.unpackMapHeader(); n > 0; n--) {
            switch (in.unpackString()) {
                case "order_id" -> text = in.unpackString();
                case "stall" -> stall = in.unpackString();
                case "customer" -> customer = in.unpackString();
                case "items" -> readItems(in);
                case "doneness" -> doneness = in.unpackString();
                case "grill" -> grill = in.unpackBoolean();
                case "metadata" -> {
                    int from = (int) in.getTotalReadBytes();
                    in.skipValue();
                    metadata = Arrays.copyOfRange(body, from, (int) in.getTotalReadBytes());
                }
                default -> in.skipValue();
            }
        }
    }

    private void readItems(MessageUnpacker in) throws IOException {
        for (int n = in.unpackArrayHeader(); n > 0; n--) {
            String name = null;
            int quantity = 0;
            for (int keys = in.unpackMapHeader(); keys > 0; keys--) {
                switch (in.unpackString()) {
                    case "ingredient" -> name = in.unpackString();
                    case "quantity" -> quantity = in.unpackInt();
                    default -> in.skipValue();
                }
            }
            items.add(new Item(name, quantity));
        }
    }

    // ---- as a row has it ----

    private static String escaped(String name) {
        return name.indexOf('%') < 0 && name.indexOf(';') < 0 ? name
                : name.replace("%", "%25").replace(";", "%3B");
    }

    String itemsText() {
        StringBuilder b = new StringBuilder(64);
        for (Item item : items) {
            b.append(b.length() > 0 ? ";" : "").append(item.quantity).append(' ').append(escaped(item.name));
        }
        return b.toString();
    }

    String missingText() {
        if (picked) {
            return null;
        }
        StringBuilder b = new StringBuilder();
        for (Missing m : missing) {
            b.append(b.length() > 0 ? ";" : "").append(m.wanted).append('/')
                    .append(m.left == null ? "?" : m.left.toString()).append(' ').append(escaped(m.name));
        }
        return b.toString();
    }

    /** 00-TRACE-SPAN-FLAGS as 25 bytes. */
    byte[] traceBytes() {
        if (trace == null || trace.length != 55) {
            return null;
        }
        byte[] b = new byte[25];
        for (int i = 0; i < 25; i++) {
            int at = i < 16 ? 3 + 2 * i : i < 24 ? 36 + 2 * (i - 16) : 53;
            b[i] = (byte) (HexFormat.fromHexDigit(trace[at]) << 4 | HexFormat.fromHexDigit(trace[at + 1]));
        }
        return b;
    }

    // ---- the pick ----

    private static final Header SPECVERSION = new RecordHeader("ce_specversion", bytes("1.0"));
    private static final Header SOURCE = new RecordHeader("ce_source", bytes("/chillybin"));
    private static final Header TYPE = new RecordHeader("ce_type", bytes("galore.pick"));
    private static final Header CONTENT = new RecordHeader("content-type", bytes("application/msgpack"));
    private static final Header VERSION = new RecordHeader("schema-version", bytes("2"));
    private static final Header SEQ = new RecordHeader("seq", bytes("1"));

    ProducerRecord<byte[], byte[]> pick(String topic) throws IOException {
        List<Header> headers = new ArrayList<>(11);
        headers.add(SPECVERSION);
        headers.add(new RecordHeader("ce_id", bytes(text + ".pick")));
        headers.add(SOURCE);
        headers.add(TYPE);
        headers.add(CONTENT);
        headers.add(VERSION);
        if (trace != null && trace.length == 55) {
            byte[] parent = trace.clone();
            byte[] span = bytes(HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong()));
            System.arraycopy(span, 0, parent, 36, 16);
            headers.add(new RecordHeader("traceparent", parent));
        }
        if (tracestate != null) {
            headers.add(new RecordHeader("tracestate", tracestate));
        }
        if (customer != null) {
            headers.add(new RecordHeader("customer", bytes(customer)));
        }
        headers.add(new RecordHeader("source-position", bytes("orders/" + partition + "@" + offset)));
        headers.add(SEQ);
        return new ProducerRecord<>(topic, null, decidedAt, bytes(text), pickBody(), headers);
    }

    private byte[] pickBody() throws IOException {
        try (MessageBufferPacker out = MessagePack.newDefaultBufferPacker()) {
            out.packMapHeader(8 + (customer != null ? 1 : 0) + (picked ? 0 : 1));
            out.packString("order_id").packString(text);
            out.packString("number").packLong(offset * PARTITIONS + partition);
            out.packString("stall").packString(stall);
            if (customer != null) {
                out.packString("customer").packString(customer);
            }
            out.packString("items").packArrayHeader(items.size());
            for (Item item : items) {
                out.packMapHeader(2).packString("ingredient").packString(item.name);
                out.packString("quantity").packInt(item.quantity);
            }
            out.packString("doneness").packString(doneness);
            out.packString("grill").packBoolean(grill);
            out.packString("verdict").packString(picked ? "picked" : "refused");
            if (!picked) {
                out.packString("reason").packString("out of stock");
            }
            out.packString("missing").packArrayHeader(missing.size());
            for (Missing m : missing) {
                out.packMapHeader(3).packString("ingredient").packString(m.name);
                out.packString("wanted").packInt(m.wanted).packString("left");
                if (m.left == null) {
                    out.packNil();
                } else {
                    out.packLong(m.left);
                }
            }
            return out.toByteArray();
        }
    }

    static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }

    static String string(byte[] b) {
        return new String(b, StandardCharsets.UTF_8);
    }
}
