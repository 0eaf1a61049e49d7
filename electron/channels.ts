/** Names of what travels between page, preload and main. The contract itself travels over the port. */

/** Page → preload (window message): a new port to the engine, please. */
export const CONNECT = 'flowglass:connect';
/** Main → preload → page, with the port. */
export const ENGINE = 'flowglass:engine';
/** Preload → main: the native open dialog. */
export const CHOOSE_FILE = 'flowglass:choose-file';
/** Preload → main: the native save dialog, with a suggested file name. */
export const CHOOSE_SAVE = 'flowglass:choose-save';
/** Preload → main: the file manager, showing a file. */
export const SHOW_IN_FOLDER = 'flowglass:show-in-folder';
/** Main → preload → page: the menu wants what just happened to be saved. */
export const SAVE = 'flowglass:save';
/** Preload → main: install the capture helper, which asks for a password. */
export const INSTALL_HELPER = 'flowglass:install-helper';
/** Main → preload → page: the menu wants the dialog that attaches to a host. */
export const HOST = 'flowglass:host';
/** Main → preload → page: the menu wants the export dialog. */
export const EXPORT = 'flowglass:export';
