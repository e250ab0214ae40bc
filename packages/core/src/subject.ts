/**
 * Whose a credential is, in one namespace for people, owners of keys and clients. A person's id is
 * random and an owner is chosen by whoever may assign keys; a client is written with a prefix. So a
 * client whose id is the text of a person's id is never taken for that person, neither by a
 * revocation nor by an upstream that reads the identity.
 */

const clientPrefix = 'client:';

/** The name of a client where it stands beside people: as the owner of a key, as a subject. */
export function clientSubject(clientId: string): string {
  return clientPrefix + clientId;
}

/**
 * The subject of a token, typed. A token whose subject is its client acts for nobody else (RFC 9068
 * §2.2); issuance gives no other token such a subject.
 */
export function typedSubject(clientId: string, subject: string): string {
  return subject === clientId ? clientSubject(clientId) : subject;
}

/** Target of "all that this client holds for this subject". The encoding leaves no space free. */
export function holderId(clientId: string, subject: string): string {
  return `${encodeURIComponent(clientId)} ${subject}`;
}
