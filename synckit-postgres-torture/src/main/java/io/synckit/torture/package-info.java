/** Runs processes that write, read and consume events, injects faults by a seeded schedule, and lets a checker judge what they have recorded. */
package io.synckit.torture;
