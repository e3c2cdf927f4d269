// Where every program finds what it is given, in its own container.

/** Its configuration. */
export const configFolder = '/etc/taffrail';
/** A link in it to the files in force, switched in one step: configuration and secrets change together. */
export const currentConfig = `${configFolder}/current`;
/** The folder of its secrets among its files. */
export const secretsIn = 'secrets';
export const secretsFolder = `${currentConfig}/${secretsIn}`;
export const secretPath = (file: string): string => `${secretsFolder}/${file}`;
/** Where an App finds its secrets, as it would by compose. */
export const appSecretsFolder = '/run/secrets';
