import { describe, expect, test } from 'vitest';
import type { AuthorizationRequest } from './authorization-request.ts';
import { joined, wantedBy } from './granted.ts';
import { nextStep, type SignedIn, type StepInput } from './next-step.ts';
import { bedRequest } from './request-bed.ts';

const now = 1_790_000_000_000;
const session: SignedIn = {
  subject: 'u1',
  authenticatedAt: now - 60_000,
  acr: 'pwd',
  strongest: 'pwd',
};

function decide(request: Partial<AuthorizationRequest>, more: Partial<StepInput> = {}) {
  const asked = { ...bedRequest, ...request };
  const input: StepInput = {
    request: asked,
    session,
    isFresh: false,
    isChosen: false,
    expectedSubject: null,
    consent: 'required',
    remembered: wantedBy(asked),
    now,
    ...more,
  };
  const found = nextStep(input);
  if (found.step === 'refuse') return found.refusal.reason;
  return found.step === 'sign_in' ? found.why : found.step;
}

const acrClaim = (wish: object) => ({ claims: { userinfo: {}, idToken: { acr: wish } } });

describe('the next step', () => {
  test('is the code, where the person is here and has agreed before', () => {
    expect(decide({})).toBe('issue');
  });

  test.each([
    ['nobody is signed in', {}, { session: undefined }, 'no_session', 'login_required'],
    [
      'the sign-in is older than max_age',
      { maxAgeSeconds: 59 },
      {},
      'too_long_ago',
      'login_required',
    ],
    ['max_age is 0', { maxAgeSeconds: 0 }, { now: now - 60_000 }, 'too_long_ago', 'login_required'],
    ['somebody else is meant', {}, { expectedSubject: 'u2' }, 'other_account', 'login_required'],
    ['a scope is new', {}, { remembered: undefined }, 'consent', 'consent_required'],
    [
      'a resource is new',
      { audience: ['https://other.example'] },
      { remembered: wantedBy(bedRequest) },
      'consent',
      'consent_required',
    ],
    [
      'a claim is new',
      { claims: { userinfo: { email: {} }, idToken: {} } },
      { remembered: wantedBy(bedRequest) },
      'consent',
      'consent_required',
    ],
    [
      'a stronger sign-in is needed',
      { acrValues: ['phr', 'mfa'] },
      { session: { ...session, strongest: 'mfa' } },
      'stronger',
      'login_required',
    ],
  ] as const)(
    'is a page where %s, and an error where none may be shown',
    (_t, request, more, page, error) => {
      expect(decide(request, more)).toBe(page);
      expect(decide({ ...request, prompt: ['none'] }, more)).toBe(error);
    },
  );

  test.each([
    [['login'], 'asked_to'],
    [['select_account'], 'choose_account'],
    [['consent'], 'consent'],
    [['login', 'consent'], 'asked_to'],
    [['none'], 'issue'],
  ] as const)('with prompt %j is %s', (prompt, step) => {
    expect(decide({ prompt })).toBe(step);
  });

  test('after a sign-in for this request asks for none again', () => {
    for (const request of [{ prompt: ['login'] }, { maxAgeSeconds: 0 }] as const) {
      expect(decide(request, { isFresh: true })).toBe('issue');
    }
    expect(decide({ prompt: ['select_account'] }, { isFresh: true })).toBe('issue');
    expect(decide({ prompt: ['select_account'] }, { isChosen: true })).toBe('issue');
    const other = 'u2';
    expect(decide({}, { isFresh: true, expectedSubject: other })).toBe('other_account');
  });

  test('takes the consent of an administrator, but for a person who is to be asked', () => {
    expect(decide({}, { consent: 'implicit', remembered: undefined })).toBe('issue');
    expect(decide({ prompt: ['consent'] }, { consent: 'implicit' })).toBe('consent');
  });

  test('takes consent that was given in parts', () => {
    const part = wantedBy({ ...bedRequest, scopes: ['openid'] });
    const other = { ...part, scopes: ['read'] };
    expect(decide({}, { remembered: part })).toBe('consent');
    expect(decide({}, { remembered: joined(part, other) })).toBe('issue');
  });

  test.each([
    ['a class that the session has', { acrValues: ['mfa', 'pwd'] }, 'issue'],
    ['classes that nobody knows', { acrValues: ['1', '2'] }, 'issue'],
    [
      'a class that the account cannot reach',
      { acrValues: ['phr'] },
      'unmet_authentication_requirements',
    ],
    [
      'essential and unknown',
      acrClaim({ essential: true, values: ['9'] }),
      'unmet_authentication_requirements',
    ],
    ['voluntary and unknown', acrClaim({ value: '9' }), 'issue'],
    ['essential, any', acrClaim({ essential: true }), 'issue'],
    ['essential and there', acrClaim({ essential: true, value: 'pwd' }), 'issue'],
  ])('with %s', (_title, request, step) => {
    expect(decide(request)).toBe(step);
  });

  test('does not ask for ever for what the sign-in did not reach', () => {
    const weak = { session: { ...session, strongest: 'mfa' }, isFresh: true } as const;
    expect(decide({ acrValues: ['mfa'] }, weak)).toBe('unmet_authentication_requirements');
  });
});
