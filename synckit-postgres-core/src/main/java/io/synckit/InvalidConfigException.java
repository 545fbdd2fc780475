package io.synckit;

/** A setting has an invalid value. */
public class InvalidConfigException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final String setting;

    /**
     * @param setting name of the setting in {@code Config}
     * @param problem the value, unless it is a secret, and why it is invalid
     */
    public InvalidConfigException(String setting, String problem) {
        super(setting + " " + problem);
        this.setting = setting;
    }

    /** Returns the name of the setting in {@code Config}. */
    public String setting() {
        return setting;
    }
}
