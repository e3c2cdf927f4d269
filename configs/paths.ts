// Where every program finds what it is given, in its own container.

/** Its configuration. */
export const configFolder = '/etc/taffrail';
/** A link in it to the files in force, switched in one step: configuration and secrets change together. */
export const currentConfig = `${configFolder}/current`;
/** The folder of its secrets among its files. */
export const secretsIn = 'secrets';
export const secretsFolder = `${currentConfig}/${secretsIn}`;
export const secretPath = (file: string): string => `${secretsFolder}/${file}`;
/** Where secrets are a volume of their own: an App's, as by compose, and those of a program whose other paths are fixed. */
export const secretsMount = '/run/secrets';
