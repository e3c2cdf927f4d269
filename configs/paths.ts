// Where every service finds what it is given, in its own container.

/** Its configuration. */
export const configFolder = '/etc/taffrail';
/** A link in it to the files in force, switched in one step. */
export const currentConfig = `${configFolder}/current`;
/** Its secrets. */
export const secretsFolder = '/run/secrets';
export const secretPath = (file: string): string => `${secretsFolder}/${file}`;
