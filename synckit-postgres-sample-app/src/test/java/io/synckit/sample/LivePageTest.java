package io.synckit.sample;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.synckit.EventStore;
import io.synckit.Filter;
import io.synckit.Version;
import io.synckit.postgres.testing.TcpProxy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.By;
import org.openqa.selenium.Dimension;
import org.openqa.selenium.OutputType;
import org.openqa.selenium.StaleElementReferenceException;
import org.openqa.selenium.TakesScreenshot;
import org.openqa.selenium.WebDriver;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.WindowType;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.support.ui.WebDriverWait;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;

/**
 * The page, in a real Chromium without a window. {@code .ci/install-chromium} installs one; where there is none the test is skipped,
 * unless {@code SYNCKIT_REQUIRE_BROWSER} is set.
 */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
class LivePageTest {

    private static final Duration LONGEST = Duration.ofSeconds(30);

    private static ChromeDriver browser;

    @Autowired
    private EventStore store;

    @LocalServerPort
    private int port;

    private static Optional<Path> found(String... candidates) {
        return Stream.of(candidates).map(Path::of).filter(Files::isExecutable).findFirst();
    }

    @BeforeAll
    static void open() {
        Optional<Path> chromium = found("/usr/bin/chromium", "/usr/bin/google-chrome", "/usr/bin/chromium-browser");
        Optional<Path> driver = found("/usr/bin/chromedriver", "/usr/local/share/chromedriver-linux64/chromedriver");
        boolean required = "true".equals(System.getenv("SYNCKIT_REQUIRE_BROWSER"));
        assumeTrue(required || (chromium.isPresent() && driver.isPresent()), "no Chromium (.ci/install-chromium)");
        ChromeOptions options = new ChromeOptions();
        options.setBinary(chromium.orElseThrow().toFile());
        options.addArguments(
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync");
        ChromeDriverService service = new ChromeDriverService.Builder()
                .usingDriverExecutable(driver.orElseThrow().toFile())
                .build();
        browser = new ChromeDriver(service, options);
        browser.manage().window().setSize(new Dimension(1100, 880));
    }

    @AfterAll
    static void close() {
        if (browser != null) {
            browser.quit();
        }
    }

    private void open(int atPort) {
        browser.get("http://localhost:" + atPort + "/");
        until("stream", "connected");
        until("listener", "listening");
    }

    private static WebElement element(String id) {
        return browser.findElement(By.id(id));
    }

    private static void until(String id, String text) {
        new WebDriverWait(browser, LONGEST)
                .until(driver -> element(id).getText().equals(text));
    }

    private static List<String> versions() {
        return browser.findElements(By.cssSelector("#events li")).stream()
                .map(row -> row.getDomAttribute("data-version"))
                .toList();
    }

    private void untilAllAreShown() {
        List<String> stored = new ArrayList<>();
        store.load(Version.ZERO, Filter.types("OrderPlaced"))
                .events()
                .forEach(event -> stored.add(0, event.version().toString()));
        new WebDriverWait(browser, LONGEST)
                .ignoring(StaleElementReferenceException.class)
                .until(driver -> versions().size() >= stored.size());
        assertThat(versions()).isEqualTo(stored);
    }

    private static void placeOrder() {
        String before = element("placed").getText();
        browser.findElement(By.cssSelector("#order button")).click();
        new WebDriverWait(browser, LONGEST)
                .until(driver -> !element("placed").getText().equals(before));
        assertThat(element("placed").getText()).startsWith("Stored as version ");
    }

    private static String newWindow() {
        browser.switchTo().newWindow(WindowType.TAB);
        return browser.getWindowHandle();
    }

    @Test
    void orderAppearsInAnotherWindowAfterAReconnect() throws IOException {
        try (TcpProxy network = new TcpProxy("localhost", port)) {
            String here = browser.getWindowHandle();
            open(port);
            String there = newWindow();
            open(network.port());

            browser.switchTo().window(here);
            placeOrder();
            browser.switchTo().window(there);
            untilAllAreShown();
            int shown = versions().size();

            network.refuse();
            until("stream", "disconnected");
            browser.switchTo().window(here);
            for (int i = 0; i < 3; i++) {
                placeOrder();
            }
            browser.switchTo().window(there);
            assertThat(versions()).hasSize(shown);
            network.heal();
            until("stream", "connected");
            untilAllAreShown();
            assertThat(versions()).hasSize(shown + 3);

            screenshot();
            browser.close();
            browser.switchTo().window(here);
        }
    }

    @Test
    void stoppedListenerCatchesUp() {
        open(port);
        placeOrder();
        untilAllAreShown();
        int shown = versions().size();

        element("toggle").click();
        until("listener", "stopped");
        for (int i = 0; i < 3; i++) {
            placeOrder();
        }
        assertThat(versions()).hasSize(shown);
        until("toggle", "Start the database connection");
        element("toggle").click();

        until("listener", "listening");
        untilAllAreShown();
        assertThat(versions()).hasSize(shown + 3);
    }

    @Test
    void failedOrderHasItsReason() {
        open(port);
        WebDriver driver = browser;
        driver.findElement(By.cssSelector("option:nth-child(3)")).click();
        driver.findElement(By.name("quantity")).clear();
        driver.findElement(By.name("quantity")).sendKeys("999");
        driver.findElement(By.cssSelector("#order button")).click();

        until("placed", "There are not 999 of 'cake' in stock");
    }

    /** For the README; kept when a directory is given. */
    private static void screenshot() throws IOException {
        String directory = System.getenv("SYNCKIT_SCREENSHOTS");
        if (directory != null) {
            Files.write(
                    Path.of(directory, "live-page.png"), ((TakesScreenshot) browser).getScreenshotAs(OutputType.BYTES));
        }
    }
}
