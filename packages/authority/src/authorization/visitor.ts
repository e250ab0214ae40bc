/** Whoever sits at the browser that a request comes from, as far as the request shows. */
export interface Visitor {
  /** The session cookie, unproven. */
  readonly sessionToken: string | undefined;
  /** The browser's own secret; a fresh one where it showed none. */
  readonly browser: string;
  readonly address: string;
  readonly userAgent: string | undefined;
}
