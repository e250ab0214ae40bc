/** An authority with people and a device that waits for one of them, for tests. */
import { asAlice, signInBed } from './sign-in-bed.ts';
import type { Store } from './store/store.ts';

export const deviceGrantType = 'urn:ietf:params:oauth:grant-type:device_code';
export const deviceEndpoint = '/oauth2/device_authorization';

export const deviceRules = {
  name: 'TV <b>App</b>',
  grantTypes: [deviceGrantType, 'refresh_token'],
  scopes: ['openid', 'profile', 'read', 'offline_access'],
} as const;

/** What a device was answered. */
export interface Begun {
  readonly device_code: string;
  readonly user_code: string;
  readonly verification_uri_complete: string;
}

export type DeviceBed = Awaited<ReturnType<typeof deviceBed>>;

export async function deviceBed(store?: Store) {
  const bed = await signInBed({}, store);
  const tv = await bed.addClient(deviceRules);
  type Device = typeof tv;
  type TestBrowser = ReturnType<typeof bed.browse>;

  async function begin(form: Record<string, string> = {}, by: Device = tv): Promise<Begun> {
    const answer = await bed.post(deviceEndpoint, form, by);
    if (answer.status !== 200) throw new Error(answer.text);
    return answer.json as unknown as Begun;
  }

  /** Types the code, and signs in where that is asked for. @returns the question */
  async function ask(begun: Begun, browser: TestBrowser = bed.browse(), who = asAlice) {
    const entry = await browser.open('/device');
    const shown = await browser.submit(entry, { user_code: begun.user_code });
    return shown.url.startsWith('/login') ? browser.submit(shown, who) : shown;
  }

  return Object.assign(bed, {
    tv,
    begin,
    ask,
    poll({ device_code }: Begun, by: Device = tv, form: Record<string, string> = {}) {
      const whole = { grant_type: deviceGrantType, device_code, ...form };
      return bed.post('/oauth2/token', whole, by);
    },
    async approve(begun: Begun, browser: TestBrowser = bed.browse(), who = asAlice) {
      const done = await browser.submit(await ask(begun, browser, who));
      if (done.url !== '/device?done=allowed') throw new Error(done.text);
    },
    /** Audit records of one action, oldest first. */
    async records(action: string): Promise<readonly Record<string, unknown>[]> {
      const path = `/v1/audit/events?action=${action}`;
      while ((await bed.store.auditPending.count()) > 0) await bed.authority.tick();
      const answer = await bed.manage('GET', path);
      return answer.json['items'] as readonly Record<string, unknown>[];
    },
  });
}
