/** Listed addresses, asked of an authority over HTTP. */
import { feedHttp, limits, parseThreatPage, type ThreatSource } from '@mintmark/core';
import { type AskParts, jsonOf, malformed, refused, send } from './ask-authority.ts';

/** @throws NetworkFault `authority_refused`, `feed_malformed`, and what the client throws */
export function createRemoteThreats(parts: AskParts): ThreatSource {
  return {
    async read({ after, cursor }) {
      const query = new URLSearchParams({ after: String(after) });
      if (cursor !== undefined) query.set('place', cursor);
      const path = `${feedHttp.threatsPath}?${query}`;
      const response = await send(parts, path, { bytesMax: limits.feedDeltaBytesMax });
      if (response.status !== 200) throw refused('threats', response);
      const page = parseThreatPage(jsonOf(response, 'threats').value);
      if (!page.ok) throw malformed(page.refusal.what);
      return page.value;
    },
  };
}
