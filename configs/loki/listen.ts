/** Where Loki answers, on the network of the stores only: it has no authentication of its own. */
export const lokiPort = 3100;
export const lokiService = 'loki';
export const lokiUrl = `http://${lokiService}:${String(lokiPort)}`;
