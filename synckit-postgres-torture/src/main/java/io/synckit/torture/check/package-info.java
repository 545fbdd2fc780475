/** The checker. It reads files only, and shares no code with the library. */
package io.synckit.torture.check;
