package io.synckit;

/** A setting has a value that it cannot have. */
public class InvalidConfigException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final String setting;

    /**
     * @param setting name of the setting, as in {@code Config}
     * @param problem what is wrong with it, with the value unless it is a secret
     */
    public InvalidConfigException(String setting, String problem) {
        super(setting + " " + problem);
        this.setting = setting;
    }

    /** Name of the setting, as in {@code Config}. */
    public String setting() {
        return setting;
    }
}
