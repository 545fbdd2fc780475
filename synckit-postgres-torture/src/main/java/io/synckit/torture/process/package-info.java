/** The processes of a run. Each records what it does in a history file. */
package io.synckit.torture.process;
