/** How a person was authenticated, in the words of RFC 8176, and how much that is worth. */

/** Authentication method references (RFC 8176 §2) that this authority gives out. */
export type AuthenticationMethod = 'pwd';
