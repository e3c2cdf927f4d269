/** Where Prometheus answers inside the stack. */
export const prometheusPort = 9090;
export const prometheusService = 'prometheus';
/** Whom Prometheus asks for, on every path: it has to be on the applications' network. */
export const prometheusUser = 'taffrail';
/** Secret files, on the volume of each consumer. */
export const prometheusPasswordFile = 'prometheus-password';
export const prometheusWebConfigFile = 'prometheus-web.yml';
