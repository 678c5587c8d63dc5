/** HTTP methods that Consul and Nomad accept. */
export const HTTP_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"] as const;

/** An HTTP method, in upper or lower case. */
export type HttpMethod = (typeof HTTP_METHODS)[number] | Lowercase<(typeof HTTP_METHODS)[number]>;
