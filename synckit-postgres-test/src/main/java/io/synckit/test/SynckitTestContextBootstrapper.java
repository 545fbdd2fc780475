package io.synckit.test;

import org.springframework.boot.test.autoconfigure.TestSliceTestContextBootstrapper;

/** Finds the application's configuration, and reads {@link SynckitTest#properties}. */
final class SynckitTestContextBootstrapper extends TestSliceTestContextBootstrapper<SynckitTest> {}
