/**
 * What HAProxy says itself, made from what the gateway would: the same status, challenge and
 * problem document (`refusalResponse`), written as rules.
 */
import type { HttpResponse, Route } from '@mintmark/core';
import { type Refusal, refusalResponse } from '../../refusal.ts';
import { resourceMetadataUrl } from '../../routes/resource-metadata.ts';
import { literal, word } from './words.ts';

/** Stands for the Host of the request until the text is a format. */
export const authorityMark = 'authority.invalid';
const authority = '%[req.fhdr(host),lower]';

export interface AnswerParts {
  readonly scheme: 'http' | 'https';
  /** Whether something behind judges proofs, so that a challenge may name them (RFC 9449 §7.2). */
  readonly takesProofs: boolean;
}

/** The rule that refuses. @param further header fields, values as formats */
export function refusalRule(
  refusal: Refusal,
  { route, parts }: { readonly route: Route; readonly parts: AnswerParts },
  further: Readonly<Record<string, string>> = {},
): string {
  const metadata = resourceMetadataUrl({ host: authorityMark, scheme: parts.scheme }, route);
  return answerRule(refusalResponse(refusal, { metadata, scopes: route.scopes }), parts, further);
}

/** A rule that answers and ends the request. */
export function answerRule(
  response: HttpResponse,
  { takesProofs }: Pick<AnswerParts, 'takesProofs'>,
  further: Readonly<Record<string, string>> = {},
): string {
  const { 'content-type': type = 'text/plain', ...headers } = response.headers;
  const fields = Object.entries(headers).flatMap(([name, values]) =>
    [values]
      .flat()
      .filter((value) => takesProofs || !(name === 'www-authenticate' && /^DPoP /.test(value)))
      .filter(() => !(name in further))
      .map((value) => `hdr ${name} ${word(formatOf(value))}`),
  );
  const more = Object.entries(further).map(([name, format]) => `hdr ${name} ${word(format)}`);
  const body = typeof response.body === 'string' ? response.body : '';
  const content =
    body === '' ? [] : [`content-type ${String(type)} lf-string ${word(formatOf(body))}`];
  return ['http-request return', `status ${response.status}`, ...content, ...fields, ...more].join(
    ' ',
  );
}

function formatOf(text: string): string {
  return literal(text).replaceAll(authorityMark, authority);
}
