package io.synckit.torture.check;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A small run that is right, and one mistake at a time. */
class CheckerTest {

    @TempDir
    private Path directory;

    private final List<String> log = new ArrayList<>();
    private final List<String> writer = new ArrayList<>();
    private final List<String> reader = new ArrayList<>();
    private final List<String> consumer = new ArrayList<>();
    private final List<String> applied = new ArrayList<>();
    private final List<String> balances = new ArrayList<>();
    private final List<String> business = new ArrayList<>();

    @BeforeEach
    void rightRun() {
        writer.addAll(List.of(
                "start\t10\tw-1\tplain\tw-1.0|a|Booked|5",
                "committed\t20\tw-1\t1",
                "start\t30\tw-2\tbatch\tw-2.0|a|Booked|6;w-2.1|b|Booked|7",
                "committed\t40\tw-2\t3;4",
                "start\t50\tw-3\tsql\tw-3.0|a|Booked|8",
                "rejected\t60\tw-3\ton purpose",
                "start\t70\tw-4\tbusiness\tw-4.0|b|Booked|9",
                "unknown\t80\tw-4\tUNAVAILABLE"));
        log.addAll(List.of(
                "1\tw-1.0\ta\t1\tBooked\t5",
                "3\tw-2.0\ta\t2\tBooked\t6",
                "4\tw-2.1\tb\t1\tBooked\t7",
                "6\tw-4.0\tb\t2\tBooked\t9",
                "7\tkiller-1\tkiller-1\t1\tKilling\t0"));
        reader.addAll(List.of(
                "from\t5\t0",
                "event\t21\t1\tw-1.0\ta\tBooked\t5",
                "event\t41\t3\tw-2.0\ta\tBooked\t6",
                "from\t45\t3",
                "event\t46\t4\tw-2.1\tb\tBooked\t7",
                "event\t81\t6\tw-4.0\tb\tBooked\t9"));
        consumer.addAll(List.of(
                "handled\t22\t1\ta",
                "handled\t42\t3\ta",
                "handled\t43\t4\tb",
                "handled\t82\t6\tb",
                "handled\t90\t3\ta"));
        applied.addAll(List.of("1\ta", "4\tb", "3\ta", "6\tb"));
        balances.addAll(List.of("a\t11\tt", "b\t16\tt"));
        business.add("w-4.0");
    }

    private List<String> violations() throws IOException {
        writeFiles();
        return Checker.check(directory).violations();
    }

    private void writeFiles() throws IOException {
        write("writer-1.history", writer);
        write("reader-1.history", reader);
        write("consumer-1.history", consumer);
        write("log.tsv", log);
        write("applied.tsv", applied);
        write("balances.tsv", balances);
        write("business.tsv", business);
    }

    /** The primary has ended at a time. The standby has what was acknowledged up to another one. */
    private void failOver(int ended, int replicated) throws IOException {
        write("losses", List.of("loss\t" + ended + "\t" + replicated));
    }

    private void write(String file, List<String> lines) throws IOException {
        Files.write(directory.resolve(file), lines);
    }

    private void finds(String evidence, Consumer<List<String>> mistake, List<String> in) throws IOException {
        mistake.accept(in);

        assertThat(violations()).anySatisfy(violation -> assertThat(violation).contains(evidence));
    }

    @Test
    void rightRunHasNoViolations() throws IOException {
        assertThat(violations()).isEmpty();
    }

    @Test
    void incompleteLastLineIsIgnored() throws IOException {
        writeFiles();
        Files.writeString(directory.resolve("reader-1.history"), String.join("\n", reader) + "\nevent\t99\t9");

        assertThat(Checker.check(directory).violations()).isEmpty();
    }

    @Test
    void lostEventIsFound() throws IOException {
        finds("an acknowledged event is stored as it was written", lines -> lines.remove(0), log);
    }

    @Test
    void eventsThatAFailOverLosesMayBeMissing() throws IOException {
        failOver(45, 15);
        log.remove(0);
        log.set(0, "3\tw-2.0\ta\t1\tBooked\t6");
        applied.remove(0);
        balances.set(0, "a\t6\tt");

        assertThat(violations()).isEmpty();
    }

    @Test
    void eventsFromBeforeAFailOverMustBeStored() throws IOException {
        failOver(45, 25);
        finds("an acknowledged event is stored as it was written", lines -> lines.remove(0), log);
    }

    @Test
    void linesAboutTheEventsOfAViolationAreShown() throws IOException {
        write("faults", List.of("kill\t25\t35", "cut\t20000000000\t20000000001"));
        reader.remove(1);
        writeFiles();

        assertThat(Checker.check(directory).excerpts())
                .containsExactly(
                        "a live reader receives every event once, in the order of versions:",
                        "  log.tsv: 1 w-1.0 a 1 Booked 5",
                        "  log.tsv: 3 w-2.0 a 2 Booked 6",
                        "  applied.tsv: 1 a",
                        "  applied.tsv: 3 a",
                        "  writer-1.history: start 10 w-1 plain w-1.0|a|Booked|5",
                        "  writer-1.history: committed 20 w-1 1",
                        "  consumer-1.history: handled 22 1 a",
                        "  faults: kill 25 35",
                        "  writer-1.history: start 30 w-2 batch w-2.0|a|Booked|6;w-2.1|b|Booked|7",
                        "  writer-1.history: committed 40 w-2 3;4",
                        "  reader-1.history: event 41 3 w-2.0 a Booked 6",
                        "  consumer-1.history: handled 42 3 a",
                        "  consumer-1.history: handled 90 3 a");
    }

    @Test
    void changedEventIsFound() throws IOException {
        finds("an acknowledged event is stored", lines -> lines.set(0, "1\tw-1.0\ta\t1\tBooked\t50"), log);
    }

    @Test
    void wrongAcknowledgedVersionIsFound() throws IOException {
        finds("but its version is 1", lines -> lines.set(1, "committed\t20\tw-1\t2"), writer);
    }

    @Test
    void storedEventOfARejectedOperationIsFound() throws IOException {
        finds("a rejected event is not stored", lines -> lines.set(7, "rejected\t80\tw-4\ton purpose"), writer);
    }

    @Test
    void partOfATransactionIsFound() throws IOException {
        writer.set(3, "unknown\t40\tw-2\tUNAVAILABLE");
        finds("together or not at all", lines -> lines.remove(2), log);
    }

    @Test
    void inventedEventIsFound() throws IOException {
        finds("only what was written is stored", lines -> lines.add("9\tx-1.0\tc\t1\tBooked\t1"), log);
    }

    @Test
    void gapInAStreamIsFound() throws IOException {
        finds("the stream versions", lines -> lines.set(1, "3\tw-2.0\ta\t3\tBooked\t6"), log);
    }

    @Test
    void versionAgainstRealTimeIsFound() throws IOException {
        finds("versions follow real time", lines -> lines.set(3, "2\tw-4.0\tb\t1\tBooked\t9"), log);
    }

    @Test
    void businessRowWithoutItsEventIsFound() throws IOException {
        finds("business row", lines -> lines.clear(), business);
    }

    @Test
    void eventThatAReaderSkipsIsFound() throws IOException {
        finds("a live reader receives every event once", lines -> lines.remove(1), reader);
    }

    @Test
    void eventThatAReaderReceivesTwiceIsFound() throws IOException {
        finds("a live reader receives every event once", lines -> lines.add(2, lines.get(1)), reader);
    }

    @Test
    void lastEventThatAReaderReceivesTwiceIsFound() throws IOException {
        log.remove(4);
        finds("a live reader receives every event once", lines -> lines.add(lines.get(5)), reader);
    }

    @Test
    void eventThatWasLostMayBeReceivedBefore() throws IOException {
        failOver(45, 15);
        reader.add(2, "event\t22\t2\tw-9.0\tb\tBooked\t1");
        consumer.add("handled\t23\t2\tb");

        assertThat(violations()).isEmpty();
    }

    @Test
    void operationAfterTheFailOverMustBeStored() throws IOException {
        failOver(8, 5);
        finds("an acknowledged event is stored as it was written", lines -> lines.remove(0), log);
    }

    @Test
    void eachGuaranteeShowsItsFirstViolation() throws IOException {
        log.remove(0);
        log.remove(0);
        writeFiles();

        assertThat(Checker.check(directory).excerpts().subList(0, 2))
                .containsExactly(
                        "an acknowledged event is stored as it was written:",
                        "  writer-1.history: start 10 w-1 plain w-1.0|a|Booked|5");
    }

    @Test
    void eventThatIsAppliedTwiceIsFound() throws IOException {
        finds("handled twice", lines -> lines.add("6\tb"), applied);
    }

    @Test
    void eventThatIsNotAppliedIsFound() throws IOException {
        finds("an exactly-once consumer", lines -> lines.remove(0), applied);
    }

    @Test
    void wrongOrderOfAKeyIsFound() throws IOException {
        finds("was handled before", lines -> lines.add(0, lines.remove(2)), applied);
    }

    @Test
    void wrongBalanceIsFound() throws IOException {
        finds("projection equals the log", lines -> lines.set(0, "a\t12\tt"), balances);
    }

    @Test
    void eventThatIsNotDeliveredIsFound() throws IOException {
        finds("an at-least-once consumer", lines -> lines.remove(0), consumer);
    }

    @Test
    void wrongOrderOfDeliveriesIsFound() throws IOException {
        finds("was handled before", lines -> lines.set(1, "handled\t21\t3\ta"), consumer);
    }
}
