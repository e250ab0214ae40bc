/** GET /oauth2/status-lists/‹id› (RFC-ietf-oauth-status-list §8): anybody may ask. */
import { type HttpRequest, type HttpResponse, limits, type TenantId } from '@mintmark/core';
import { statusListsPath } from '../issuance/status-places.ts';
import type { StatusLists } from '../revocation/status-lists.ts';

const type = 'application/statuslist+jwt';

export async function handleStatusList(
  { statusLists }: { readonly statusLists: StatusLists },
  tenant: TenantId,
  request: HttpRequest,
): Promise<HttpResponse> {
  // §8.4: what was so at another time is not kept.
  if (new URLSearchParams(request.query ?? '').has('time')) return plain(501);
  if (!isAccepted(request.header('accept'))) return plain(406);
  const id = request.path.slice(request.path.indexOf(statusListsPath) + statusListsPath.length);
  const list = /^[0-9A-Za-z]{17}$/.test(id) ? await statusLists.find(tenant, id) : undefined;
  if (list === undefined) return plain(404);
  const etag = `"${list.tag}"`;
  const headers = {
    'content-type': type,
    'cache-control': `public, max-age=${limits.statusListTtlSeconds}`,
    etag,
    vary: 'Accept',
  };
  const known = (request.header('if-none-match') ?? '').split(',').map((one) => one.trim());
  if (known.some((one) => one === '*' || one.replace(/^W\//, '') === etag)) {
    return { status: 304, headers, body: undefined };
  }
  return { status: 200, headers, body: list.jwt };
}

/** There is the one form: signed JWTs. */
function isAccepted(accept: string | undefined): boolean {
  if (accept === undefined) return true;
  const ranges = accept.split(',').map((range) => range.split(';', 1)[0]!.trim().toLowerCase());
  return ranges.some((range) => range === type || range === 'application/*' || range === '*/*');
}

function plain(status: 404 | 406 | 501): HttpResponse {
  return { status, headers: { 'cache-control': 'no-store' }, body: undefined };
}
