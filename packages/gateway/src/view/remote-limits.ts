/** What callers usually do, told to and asked of an authority over HTTP. */
import {
  feedHttp,
  type LimitObservationSink,
  type LimitProfileSource,
  limits,
  parseLimitProfiles,
} from '@mintmark/core';
import { type AskParts, jsonOf, malformed, post, refused, send } from './ask-authority.ts';

/** @throws NetworkFault `authority_refused`, `feed_malformed`, and what the client throws */
export function createRemoteProfiles(parts: AskParts): LimitProfileSource {
  return {
    async read({ after, cursor }) {
      const query = new URLSearchParams({ after: String(after) });
      if (cursor !== undefined) query.set('place', cursor);
      const path = `${feedHttp.limitProfilesPath}?${query}`;
      const response = await send(parts, path, { bytesMax: limits.feedDeltaBytesMax });
      if (response.status !== 200) throw refused('limit profiles', response);
      const page = parseLimitProfiles(jsonOf(response, 'limit profiles').value);
      if (!page.ok) throw malformed(page.refusal.what);
      return page.value;
    },
  };
}

/** @throws as above */
export function createRemoteObservations(parts: AskParts): LimitObservationSink {
  return {
    async accept(observations) {
      const body = JSON.stringify({ observations });
      const content = { type: 'application/json', body };
      await post(parts, feedHttp.limitObservationsPath, content);
    },
  };
}
