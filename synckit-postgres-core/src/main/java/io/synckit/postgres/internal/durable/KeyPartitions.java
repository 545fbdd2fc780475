package io.synckit.postgres.internal.durable;

/** Maps a key to a partition. Every process must do the same, so the function must never change: its values are in the documentation. */
final class KeyPartitions {

    private KeyPartitions() {}

    /** Returns the partition of a key: {@code floorMod(mix(key.hashCode()), partitions)}, with the last step of MurmurHash3 as the mix. */
    static int of(String key, int partitions) {
        return partitions == 1 ? 0 : Math.floorMod(mix(key.hashCode()), partitions);
    }

    private static int mix(int hash) {
        int mixed = hash;
        mixed ^= mixed >>> 16;
        mixed *= 0x85ebca6b;
        mixed ^= mixed >>> 13;
        mixed *= 0xc2b2ae35;
        mixed ^= mixed >>> 16;
        return mixed;
    }
}
