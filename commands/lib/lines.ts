/** A command as it is typed for a stack: `npm run up`, `npm run up -- -s prod`. */
export const npmRun = (command: string, stack: string): string =>
  `npm run ${command}${stack === 'local' ? '' : ` -- -s ${stack}`}`;
