package io.synckit.torture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.EnumSet;
import org.junit.jupiter.api.Test;

class OptionsTest {

    @Test
    void missingOptionsHaveDefaults() {
        Options options = Options.parse();

        assertThat(options.time()).isEqualTo(Duration.ofMinutes(5));
        assertThat(options.seed()).isEqualTo(1);
        assertThat(options.major()).isEqualTo(18);
        assertThat(options.faults()).isEqualTo(EnumSet.allOf(Fault.class));
    }

    @Test
    void optionsReplaceDefaults() {
        Options options = Options.parse(
                "--minutes",
                "0.5",
                "--seed",
                "7",
                "--postgres",
                "15",
                "--fault",
                "fail-over,kill",
                "--contender",
                "naive");

        assertThat(options.time()).isEqualTo(Duration.ofSeconds(30));
        assertThat(options.seed()).isEqualTo(7);
        assertThat(options.major()).isEqualTo(15);
        assertThat(options.faults()).isEqualTo(EnumSet.of(Fault.FAIL_OVER, Fault.KILL));
        assertThat(options.contender()).isEqualTo("naive");
    }

    @Test
    void invalidOptionIsRejectedByName() {
        assertThatThrownBy(() -> Options.parse("--minuets", "1")).hasMessage("unknown option --minuets; see --help");
        assertThatThrownBy(() -> Options.parse("--seed")).hasMessage("--seed needs a value; see --help");
        assertThatThrownBy(() -> Options.parse("--seed", "x")).hasMessage("--seed x is not a number; see --help");
        assertThatThrownBy(() -> Options.parse("--postgres", "13")).hasMessage("a number is out of range; see --help");
        assertThatThrownBy(() -> Options.parse("--bug", "none")).hasMessage("unknown bug none; see --help");
        assertThatThrownBy(() -> Options.parse("--contender", "none"))
                .hasMessageStartingWith("unknown contender in none; there are [synckit,");
        assertThatThrownBy(() -> Options.parse("--fault", "kil"))
                .hasMessageStartingWith("unknown fault kil; there are kill, death-in-call,");
    }
}
