/**
 * The limiter of core (`limiter.ts`, `limit-account.ts`) once more, in Lua, for Redis to run as one
 * step on its own clock: a property test holds the two to the same answers. The scripts decide and
 * keep; what is left and when it comes back the node reckons from the state that was there.
 *
 * An account is text: state, `;`, reservations: whole numbers joined by commas, zeros at the end
 * left out. Each charge is one key and eight arguments.
 */
import {
  type KeyedCharge,
  type LimitAccount,
  type LimitRule,
  type LimitSettlement,
  limitHoldMs,
} from '@mintmark/core';

/** Redis's own clock; a test brings another. */
const storeClock = `
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)`;

const numbers = `
local levelMax = 9007199254740991
local dayMs = 86400000
local function split(text)
  local out = {}
  for one in string.gmatch(text, '[^,]+') do out[#out + 1] = tonumber(one) end
  return out
end
local function join(list)
  local last = #list
  while last > 1 and list[last] == 0 do last = last - 1 end
  local out = {}
  for i = 1, last do out[i] = string.format('%.0f', list[i]) end
  return table.concat(out, ',')
end
local function sum(list)
  local total = 0
  for i = 2, #list do total = total + list[i] end
  return total
end
local function read(text)
  if not text then return {}, {} end
  local cut = string.find(text, ';', 1, true)
  return split(string.sub(text, 1, cut - 1)), split(string.sub(text, cut + 1))
end`;

const windows = `
local function slide(state, at, slotMs, slots)
  local newest = state[1] or 0
  local slot = math.max(newest, math.floor(at / slotMs))
  local gone = math.min(slots, slot - newest)
  local out = {slot}
  for place = 0, slots - 1 do
    out[place + 2] = place >= gone and state[place - gone + 2] or 0
  end
  return out
end
local function slotsOf(windowMs)
  local slotMs = math.max(1, math.floor(windowMs / 60))
  return slotMs, math.floor(windowMs / slotMs)
end
local holdMs = tonumber(ARGV[1])
local holdSlots = 12
local holdSlotMs = math.floor(holdMs / holdSlots)
local function heldOf(holds)
  if #holds == 0 then return 0 end
  return sum(slide(holds, now, holdSlotMs, holdSlots))
end`;

/** Months by the reckoning of days in eras of 400 years that begin in March. */
const calendars = `
local function periodStart(rule, at)
  local days = math.floor((at + rule.offsetMs) / dayMs)
  if rule.kind == 'm' then
    local z = days + 719468
    local doe = z - math.floor(z / 146097) * 146097
    local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524)
      - math.floor(doe / 146096)) / 365)
    local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
    local mp = math.floor((5 * doy + 2) / 153)
    days = days - (doy - math.floor((153 * mp + 2) / 5))
  end
  return days * dayMs - rule.offsetMs
end
local function period(rule, state)
  local start = periodStart(rule, math.max(state[1] or 0, now))
  return start, start == state[1] and (state[2] or 0) or 0
end`;

const rates = `
local function leak(rule, state)
  local last = state[1] or now
  local at = math.max(last, now)
  return at, math.max(0, (state[2] or 0) - (at - last) * rule.quota)
end`;

const keeping = `
local function keep(key, rule, state, holds)
  local life = 1
  if #state > 0 then
    if rule.kind == 'r' then life = math.ceil((state[2] or 0) / rule.quota) + 1000
    elseif rule.kind == 'w' then life = rule.windowMs + slotsOf(rule.windowMs)
    elseif rule.kind == 'd' then life = 2 * dayMs
    else life = 32 * dayMs end
  end
  if #holds > 0 then life = math.max(life, holdMs) end
  life = math.min(life, 400 * dayMs)
  local text = join(state) .. ';' .. join(holds)
  redis.call('SET', key, text, 'PX', string.format('%.0f', life))
  return text
end
local function ruleAt(i)
  local at = 1 + (i - 1) * 8
  return {
    kind = ARGV[at + 1], quota = tonumber(ARGV[at + 2]), windowMs = tonumber(ARGV[at + 3]),
    burst = tonumber(ARGV[at + 4]), offsetMs = tonumber(ARGV[at + 4]) * 60000,
    cost = tonumber(ARGV[at + 5])
  }, ARGV[at + 6], tonumber(ARGV[at + 7]), tonumber(ARGV[at + 8])
end`;

const spending = `
local function spend(rule, state, held)
  if rule.kind == 'r' then
    local at, level = leak(rule, state)
    local after = level + rule.cost * rule.windowMs
    return after + held * rule.windowMs <= rule.burst * rule.windowMs, {at, after}
  elseif rule.kind == 'w' then
    local slotMs, slots = slotsOf(rule.windowMs)
    local out = slide(state, now, slotMs, slots)
    local used = sum(out)
    out[2] = out[2] + rule.cost
    return used + held + rule.cost <= rule.quota, out
  end
  local start, used = period(rule, state)
  return used + held + rule.cost <= rule.quota, {start, used + rule.cost}
end
local known = redis.call('MGET', unpack(KEYS))
local after, allowed = {}, 1
for i = 1, #KEYS do
  local rule, reserved = ruleAt(i)
  local state, holds = read(known[i])
  local fits, spent = spend(rule, state, heldOf(holds))
  if not fits then allowed = 0 end
  if reserved == '1' then
    holds = slide(holds, now, holdSlotMs, holdSlots)
    holds[2] = holds[2] + rule.cost
  else state = spent end
  after[i] = {rule, state, holds}
end
if allowed == 1 then
  for i = 1, #KEYS do keep(KEYS[i], after[i][1], after[i][2], after[i][3]) end
end
local out = {allowed, string.format('%.0f', now)}
for i = 1, #KEYS do out[i + 2] = known[i] or '' end
return out`;

/** Arguments six to eight: when it was spent (-1: now), and what is freed, made when (-1: none). */
const settling = `
local function add(rule, state, spentMs)
  if rule.kind == 'r' then
    local at, level = leak(rule, state)
    return {at, math.min(levelMax, math.max(0, level + rule.cost * rule.windowMs))}
  elseif rule.kind == 'w' then
    local slotMs, slots = slotsOf(rule.windowMs)
    local out = slide(state, now, slotMs, slots)
    local place = math.max(0, out[1] - math.floor(spentMs / slotMs))
    if place < slots then out[place + 2] = math.max(0, out[place + 2] + rule.cost) end
    return out
  end
  local start, used = period(rule, state)
  if periodStart(rule, spentMs) < start then return {start, used} end
  return {start, math.max(0, used + rule.cost)}
end
local function free(holds, cost, madeMs)
  if #holds == 0 then return holds end
  local out = slide(holds, now, holdSlotMs, holdSlots)
  local place = math.max(0, out[1] - math.floor(madeMs / holdSlotMs))
  if place < holdSlots then out[place + 2] = math.max(0, out[place + 2] - cost) end
  return sum(out) == 0 and {} or out
end
local out = {string.format('%.0f', now)}
for i = 1, #KEYS do
  local rule, spentMs, freed, madeMs = ruleAt(i)
  spentMs = tonumber(spentMs)
  if spentMs < 0 then spentMs = now end
  local state, holds = read(redis.call('GET', KEYS[i]))
  if rule.cost ~= 0 then state = add(rule, state, math.min(now, spentMs)) end
  if madeMs >= 0 then holds = free(holds, freed, madeMs) end
  out[i + 1] = keep(KEYS[i], rule, state, holds)
end
return out`;

const looking = `
local out = {string.format('%.0f', now)}
local known = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do out[i + 1] = known[i] or '' end
return out`;

const forgetting = `
return {redis.call('DEL', unpack(KEYS))}`;

/** @param clock Lua that sets `now`, in milliseconds since 1970 */
export function limitScripts(
  clock: string = storeClock,
): Readonly<Record<'spend' | 'settle' | 'look' | 'forget', string>> {
  const parts = [clock, numbers, windows, calendars, rates, keeping].join('');
  return {
    spend: parts + spending,
    settle: parts + settling,
    look: clock + looking,
    forget: forgetting,
  };
}

/** The first argument of both scripts. */
export function firstArgument(holdMs: number = limitHoldMs): string {
  return String(holdMs);
}

export function spendArguments(charge: KeyedCharge): readonly (string | number)[] {
  return [...ruleArguments(charge.rule), charge.cost, charge.isReserved ? 1 : 0, 0, -1];
}

export function settleArguments(settlement: LimitSettlement): readonly (string | number)[] {
  const { rule, cost, spent, freed } = settlement;
  const spentMs = spent === undefined ? -1 : Math.floor(spent.steadyMs);
  const madeMs = freed === undefined ? -1 : Math.floor(freed.madeMs);
  return [...ruleArguments(rule), cost, spentMs, freed?.cost ?? 0, madeMs];
}

function ruleArguments(rule: LimitRule): readonly (string | number)[] {
  switch (rule.kind) {
    case 'rate':
      return ['r', rule.quota, rule.windowMs, rule.burst];
    case 'window':
      return ['w', rule.quota, rule.windowMs, 0];
    case 'calendar':
      return [rule.period === 'day' ? 'd' : 'm', rule.quota, 0, rule.offsetMinutes];
  }
}

/** @param text as the scripts keep it; empty: nothing is kept */
export function readAccount(text: string): LimitAccount {
  const [state = '', holds = ''] = text.split(';');
  return { state: numbersOf(state), holds: numbersOf(holds) };
}

function numbersOf(text: string): readonly number[] | undefined {
  return text === '' ? undefined : text.split(',').map(Number);
}
