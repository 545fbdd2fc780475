package io.synckit;

import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.time.InstantSource;
import java.util.UUID;
import java.util.random.RandomGenerator;

/**
 * Creates time-ordered ids by RFC 9562 section 5.7, with the 12 bits of method 1 (a counter within the millisecond). The ids of one process
 * ascend, so that they are inserted at the right edge of the index. Thread-safe.
 */
final class UuidV7 {

    private static final UuidV7 SHARED = new UuidV7(InstantSource.system(), new SecureRandom());
    private static final int COUNTER_BITS = 12;
    private static final int DRAWN_AT_ONCE = 256 * Long.BYTES;

    private final InstantSource clock;
    private final RandomGenerator random;
    private long last;

    /** Random bytes are drawn in blocks, because a secure source has a lock, for which writers would wait at each id. */
    private final ByteBuffer drawn = ByteBuffer.allocate(DRAWN_AT_ONCE).limit(0);

    UuidV7(InstantSource clock, RandomGenerator random) {
        this.clock = clock;
        this.random = random;
    }

    static String random() {
        return SHARED.next().toString();
    }

    synchronized UUID next() {
        long tick = nextTick();
        long millis = tick >>> COUNTER_BITS;
        long counter = tick & ((1 << COUNTER_BITS) - 1);
        long high = millis << 16 | 0x7000 | counter;
        long low = nextRandom() & 0x3fff_ffff_ffff_ffffL | 0x8000_0000_0000_0000L;
        return new UUID(high, low);
    }

    /** Returns milliseconds and counter in one number. If the clock stands still or goes back, only the counter moves. */
    private long nextTick() {
        last = Math.max(last + 1, clock.millis() << COUNTER_BITS);
        return last;
    }

    private long nextRandom() {
        if (!drawn.hasRemaining()) {
            random.nextBytes(drawn.array());
            drawn.clear();
        }
        return drawn.getLong();
    }
}
