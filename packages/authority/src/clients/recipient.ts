/**
 * To whom an answer is encrypted, where its reader asked for that. What must never happen: an
 * answer that was to be encrypted and leaves as it is, because a key could not be had.
 */
import { err, ok, type Result } from '@mintmark/core';
import type { JweAlgorithm, JweEncryption, JweRecipient } from '@mintmark/tokens';
import type { ClientKeys } from './client-keys.ts';
import type { ClientRules } from './client-rules.ts';

/** The rules that say of an answer how it is encrypted. */
export const encryptedAnswers = {
  idToken: ['idTokenKeyEncryption', 'idTokenEncryption'],
  userinfo: ['userinfoKeyEncryption', 'userinfoEncryption'],
  accessToken: ['accessTokenKeyEncryption', 'accessTokenEncryption'],
  introspection: ['introspectionKeyEncryption', 'introspectionEncryption'],
  authorizationResponse: ['authorizationResponseKeyEncryption', 'authorizationResponseEncryption'],
} as const satisfies Readonly<Record<string, readonly (keyof ClientRules)[]>>;

export type EncryptedAnswer = keyof typeof encryptedAnswers;

export interface RecipientRefusal {
  readonly reason: 'no_encryption_key';
}

type Rules = Pick<
  ClientRules,
  'jwks' | 'jwksUri' | (typeof encryptedAnswers)[EncryptedAnswer][number]
>;

/** @returns undefined where nothing is to be encrypted; refusal: no_encryption_key */
export async function recipientOf(
  clientKeys: Pick<ClientKeys, 'encryptionKey'>,
  rules: Rules,
  answer: EncryptedAnswer,
): Promise<Result<JweRecipient | undefined, RecipientRefusal>> {
  const [keyRule, contentRule] = encryptedAnswers[answer];
  const algorithm: JweAlgorithm | undefined = rules[keyRule];
  if (algorithm === undefined) return ok(undefined);
  // OpenID Connect Dynamic Client Registration §2, JARM §3: what is left out.
  const encryption: JweEncryption = rules[contentRule] ?? 'A128CBC-HS256';
  const key = await clientKeys.encryptionKey(rules, algorithm);
  return key === undefined
    ? err({ reason: 'no_encryption_key' })
    : ok({ key, algorithm, encryption });
}
