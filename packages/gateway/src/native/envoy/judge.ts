/**
 * The judge: a script in Envoy that looks at the claims of a token whose signature holds. It says
 * yes or nothing: without its verdict a request goes to the gateway, so a token that it does not
 * understand, a script that fails and a view that is too old end in the same place. What must never
 * happen: a verdict on less than the gateway would have looked at.
 */
import { limits, type RevocationEntry, type Route, reservedFieldNames } from '@mintmark/core';
import type { NativeView } from '../native-view.ts';
import { extensionConfig } from './bootstrap.ts';
import { luaTable, luaText, luaValue } from './lua.ts';
import { jwtFilter, metadata, routeId, verdictHeader } from './settings.ts';
import { isNativeKey } from './tokens.ts';

export interface JudgeInput {
  readonly view: NativeView;
  readonly revocations: Iterable<RevocationEntry>;
  /** Those that Envoy judges. */
  readonly routes: readonly Route[];
  readonly prefix: string;
}

export function judgeFilter(input: JudgeInput): object {
  const script = `${dataOf(input)}\n${judgeScript}`;
  return extensionConfig('judge', 'lua.v3.Lua', {
    default_source_code: { inline_string: script },
  });
}

/** @param newsUntilMs milliseconds since 1970 until which a view goes by what it heard */
export function newsFilter(newsUntilMs: number): object {
  return extensionConfig('news', 'set_metadata.v3.Config', {
    metadata: [{ metadata_namespace: metadata.space, value: { [metadata.news]: newsUntilMs } }],
  });
}

/** Ids that the script judges: `nativeId` of the other generator, as Lua matches it. */
const idChars = '[^A-Za-z0-9._~:@/+=,|-]';

function dataOf({ view, revocations, routes, prefix }: JudgeInput): string {
  const { dropped, droppedPrefixes, hopByHop } = reservedFieldNames;
  // Envoy frames messages by these itself, and says them anew.
  const own = new Set(['host', 'content-length', 'transfer-encoding', 'te', 'trailer', 'via']);
  const ending = [...dropped, ...hopByHop].filter((name) => !own.has(name));
  const keys = view.keys.filter(isNativeKey);
  return [
    `local issuer, tenant = ${luaText(view.issuer)}, ${luaText(view.tenant)}`,
    `local prefix = ${luaText(prefix)}`,
    `local heads = ${luaTable(keys.map(({ header, kid }) => [header, luaText(kid)]))}`,
    `local routes = ${luaTable(routes.map((route) => [routeId(route), demandsOf(route, view)]))}`,
    `local ending = ${luaTable(ending.map((name) => [name, 'true']))}`,
    `local endings = ${luaValue([...droppedPrefixes])}`,
    `local skew, lease = ${limits.clockSkewSeconds}, ${limits.feedLeaseMs}`,
    `local longest = ${limits.accessTokenTtlSecondsMax}`,
    `local revoked = ${luaText(revokedText(view, revocations))}`,
  ].join('\n');
}

function demandsOf(route: Route, view: NativeView): string {
  const { credential, audience, scopes, onStale, identityHeaders } = route;
  const staleMs = onStale.kind === 'continue' ? onStale.seconds * 1000 : 0;
  return luaRecord({
    credential,
    audience: audience ?? view.issuer,
    scopes,
    stale: staleMs,
    identity: identityHeaders,
    limited: route.limits[0]?.by ?? '',
  });
}

function luaRecord(members: Readonly<Record<string, Parameters<typeof luaValue>[0]>>): string {
  return luaTable(Object.entries(members).map(([name, value]) => [name, luaValue(value)]));
}

/** A line each: `p` (position) or `b` (before a moment), kind, id, value. */
function revokedText(view: NativeView, revocations: Iterable<RevocationEntry>): string {
  const lines: string[] = [];
  for (const { target, before, position } of revocations) {
    const id = idOf(target.kind, target.id);
    if (id === undefined) continue;
    lines.push(`${before === undefined ? 'p' : 'b'} ${target.kind} ${id} ${before ?? position}\n`);
  }
  if (view.isDisabled) lines.push(`p tenant ${view.tenant} ${Number.MAX_SAFE_INTEGER}\n`);
  return lines.join('');
}

/** Without spaces. @returns undefined where no token that is judged here can belong to it */
function idOf(kind: RevocationEntry['target']['kind'], id: string): string | undefined {
  if (kind === 'key' || kind === 'sub_key') return undefined;
  if (kind !== 'holder') return /[\s]/.test(id) ? undefined : id;
  const space = id.indexOf(' ');
  const both = `${decodeURIComponent(id.slice(0, space))}%${id.slice(space + 1)}`;
  return /[\s]/.test(both) ? undefined : both;
}

const judgeScript = `
local ended = { p = {}, b = {} }
for how, kind, id, value in revoked:gmatch("(%a) (%S+) (%S+) (%d+)\\n") do
  local of = ended[how][kind] or {}
  ended[how][kind] = of
  of[id] = math.max(of[id] or 0, tonumber(value))
end
revoked = nil

local function whole(value)
  return type(value) == "number" and value >= 0 and value < 2^53 and value % 1 == 0
end

local function id(value)
  return type(value) == "string" and #value >= 1 and #value <= 255
    and not value:find(${luaText(idChars)})
end

-- Whether anything that the token belongs to was revoked after it.
local function stands(kind, name, c)
  local at = ended.p[kind]
  if at ~= nil and at[name] ~= nil and at[name] > c.mm_pos then return false end
  local before = ended.b[kind]
  return before == nil or before[name] == nil or before[name] <= c.iat
end

-- Paths that a gateway leaves as they are; dot segments and double slashes are gone by now.
local function plain(path)
  return path:sub(1, 1) == "/" and not path:find("[^A-Za-z0-9._~!$&'()*+,=:@/-]")
    and not path:find("//", 1, true)
end

local function hasToken(query)
  local text = query:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  text = text:lower()
  return text:find("access_token", 1, true) ~= nil or text:find(prefix .. "_", 1, true) ~= nil
end

local function hasAudience(aud, wanted)
  if type(aud) == "string" then return aud == wanted end
  if type(aud) ~= "table" then return false end
  for _, one in pairs(aud) do
    if one == wanted then return true end
  end
  return false
end

local function hasScopes(scope, wanted)
  local all = " " .. (scope or "") .. " "
  for _, one in ipairs(wanted) do
    if not all:find(" " .. one .. " ", 1, true) then return false end
  end
  return true
end

-- Claims of a token that passes, or nothing.
local function judged(h, route)
  local value = h:headers():get("authorization")
  local head = value:match("^[Bb]earer ([%w_-]+)%.[%w_-]+%.[%w_-]+$")
  local kid = head and heads[head]
  if kid == nil then return nil end
  local verified = h:streamInfo():dynamicMetadata():get(${luaText(jwtFilter)})
  local c = verified and verified[${luaText(metadata.claims)}]
  local said = h:streamInfo():dynamicMetadata():get(${luaText(metadata.space)})
  local news = said and said[${luaText(metadata.news)}]
  local now = h:timestamp()
  if c == nil or type(news) ~= "number" then return nil end
  if now > news + route.stale or news - now > lease then return nil end
  if c.iss ~= issuer or c.mm_tenant ~= tenant or c.cnf ~= nil or c.nbf ~= nil then return nil end
  if not (whole(c.exp) and whole(c.iat) and whole(c.mm_pos)) then return nil end
  if not (id(c.sub) and id(c.client_id) and id(c.jti)) then return nil end
  if c.mm_family ~= nil and not id(c.mm_family) then return nil end
  if c.scope ~= nil and (type(c.scope) ~= "string" or c.scope:find("[^ !#$&-Z^-~]")) then
    return nil
  end
  local seconds = math.floor(now / 1000)
  if seconds >= c.exp or c.iat > seconds + skew or c.exp - c.iat > longest then return nil end
  if not hasAudience(c.aud, route.audience) or not hasScopes(c.scope, route.scopes) then
    return nil
  end
  -- A client that acts for itself is not taken for a person of the same name.
  local subject = c.sub == c.client_id and "client:" .. c.client_id or c.sub
  if not (stands("token", c.jti, c) and stands("client", c.client_id, c)
    and stands("user", subject, c) and stands("holder", c.client_id .. "%" .. c.sub, c)
    and stands("signing_key", kid, c) and stands("tenant", tenant, c)) then
    return nil
  end
  if c.mm_family ~= nil and not stands("family", c.mm_family, c) then return nil end
  c.subject = subject
  return c
end

-- Names that were looked at before; what a stranger makes up is not kept for ever.
local known, knownCount = {}, 0
local function ends(name)
  local verdict = known[name]
  if verdict ~= nil then return verdict end
  local canonical = name:lower():gsub("[^a-z0-9]", "-")
  verdict = ending[canonical] == true
  for _, start in ipairs(endings) do
    if canonical:sub(1, #start) == start then verdict = true end
  end
  if knownCount < 1000 and #name <= 64 then
    known[name] = verdict
    knownCount = knownCount + 1
  end
  return verdict
end

-- Whose requests count together; nothing where only a gateway can say.
local function callerOf(h, by, c, address)
  if by == "route" or by == "tenant" then return by end
  if by == "address" or c == nil then
    -- Who has a /64 of IPv6 has as many addresses as he likes.
    return not address:find(":", 1, true) and "address " .. address or nil
  end
  if by == "token" then return "token " .. c.jti end
  if by == "client" then return "client " .. c.client_id end
  return "user " .. c.sub
end

local function forward(h, route, name, c)
  local headers = h:headers()
  local address = h:streamInfo():downstreamDirectRemoteAddress():gsub(":%d+$", "")
  local bare = address:gsub("^%[(.*)%]$", "%1")
  if route.limited ~= "" then
    local caller = callerOf(h, route.limited, c, bare)
    if caller == nil then return end
    local said = h:streamInfo():dynamicMetadata()
    said:set(${luaText(metadata.space)}, ${luaText(metadata.caller)}, caller)
  end
  local gone = {}
  for field in pairs(headers) do
    if field:sub(1, 1) ~= ":" and ends(field) then gone[#gone + 1] = field end
  end
  local host, scheme = headers:get(":authority"), headers:get("x-forwarded-proto")
  for _, field in ipairs(gone) do headers:remove(field) end
  headers:replace("x-forwarded-for", bare)
  headers:replace("x-forwarded-proto", scheme)
  headers:replace("x-forwarded-host", host)
  local node = bare:find(":", 1, true) and '"[' .. bare .. ']"' or bare
  headers:replace("forwarded", "for=" .. node .. ';host="' .. host .. '";proto=' .. scheme)
  if c ~= nil and route.identity then
    headers:replace("x-mintmark-subject", c.subject)
    headers:replace("x-mintmark-client", c.client_id)
    headers:replace("x-mintmark-scopes", c.scope or "")
    headers:replace("x-mintmark-credential-id", c.jti)
    headers:replace("x-mintmark-credential-kind", "jwt")
    headers:replace("x-mintmark-tenant", tenant)
  end
  headers:replace(${luaText(verdictHeader)}, name)
  h:clearRouteCache()
end

function envoy_on_request(h)
  local name = h:streamInfo():routeName()
  local route = routes[name]
  if route == nil then return end
  local headers = h:headers()
  local path = headers:get(":path")
  local at = path:find("?", 1, true)
  if not plain(at == nil and path or path:sub(1, at - 1)) then return end
  if at ~= nil and hasToken(path:sub(at + 1)) then return end
  -- Routes name hosts without the final dot.
  local host = headers:get(":authority")
  if host == nil then return end
  -- A colon without a port would be of no host by name, and the routes of any host would take it.
  local bare = host:gsub(":%d+$", "")
  local isName = bare:find("^%w[%w._-]*$") and not bare:find("%.$")
  if not isName and not bare:find("^%[[%x:.]+%]$") then return end
  -- Streams are judged again while they last, which is not done here.
  local accept = headers:get("accept")
  if accept ~= nil and accept:find("event-stream", 1, true) then return end
  if headers:get("upgrade") or headers:get("x-api-key") or headers:get("dpop") then return end
  local presented = headers:getNumValues("authorization")
  local c
  if route.credential ~= "none" and not (presented == 0 and route.credential == "optional") then
    if presented ~= 1 then return end
    c = judged(h, route)
    if c == nil then return end
  end
  forward(h, route, name, c)
end
`;
