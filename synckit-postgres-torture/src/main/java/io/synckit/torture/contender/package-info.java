/** Other event stores under transactions that overlap, fail and last. */
package io.synckit.torture.contender;
