/** Where Promtail answers, on the network of the stores. */
export const promtailPort = 9080;
export const promtailService = 'promtail';
