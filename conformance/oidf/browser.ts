/**
 * A person at a browser: opens the address that a module asks for, signs in and agrees (or denies)
 * on whatever pages come, and stops where there is nothing left to fill in. A real browser, since
 * form_post, the policy of our pages and the suite's own pages all rest on what a browser does.
 */
import {
  type Browser,
  type BrowserContext,
  chromium,
  type Locator,
  type Page,
} from 'playwright-core';
import type { Visit } from './suite.ts';

export interface Person {
  readonly username: string;
  readonly password: string;
  /** What is pressed; `nothing` where the person only looks at the first page. */
  readonly decides: 'allow' | 'deny' | 'nothing';
}

export interface Seen {
  /** Where the person ended. */
  readonly url: string;
  /** Pages of the authority in the order in which they came, as pictures. */
  readonly pictures: readonly Buffer[];
  /** The same in words, for the report. */
  readonly titles: readonly string[];
}

export interface Window {
  visit(visit: Visit, person: Person): Promise<Seen>;
  close(): Promise<void>;
}

export interface Desk {
  /** With no cookie of any other window. */
  openWindow(): Promise<Window>;
  close(): Promise<void>;
}

/** Steps that a person takes before he believes that the pages go round in circles. */
const stepsMax = 8;
const pageTimeoutMs = 20_000;

/**
 * @param options.executable a Chromium
 * @param options.suite base URL of the suite: what is not of its origin is the authority's
 */
export async function openDesk({
  executable,
  suite,
}: {
  readonly executable: string;
  readonly suite: string;
}): Promise<Desk> {
  const browser: Browser = await chromium.launch({
    executablePath: executable,
    // Certificates of both sides are made for the run; no other host is ever reached.
    args: ['--no-sandbox', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost'],
  });
  return {
    openWindow: async () => {
      const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en' });
      context.setDefaultTimeout(pageTimeoutMs);
      return windowOf(context, suite);
    },
    close: () => browser.close(),
  };
}

function windowOf(context: BrowserContext, suite: string): Window {
  return {
    visit: async (visit, person) => {
      const page = await context.newPage();
      try {
        await open(page, visit);
        return await walk(page, person, suite);
      } finally {
        await page.close();
      }
    },
    close: () => context.close(),
  };
}

/** A POST carries in its body what the suite wrote into the query. */
async function open(page: Page, { url, method }: Visit): Promise<void> {
  if (method === 'GET') {
    await page.goto(url);
    return;
  }
  const target = new URL(url);
  const fields = [...target.searchParams].map(
    ([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`,
  );
  target.search = '';
  const action = escaped(target.href);
  await page.setContent(
    `<form method="post" action="${action}">${fields.join('')}<button>Go</button></form>`,
  );
  await press(page, page.locator('button'));
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Every button of these pages leads to another page. */
async function press(page: Page, button: Locator): Promise<void> {
  await Promise.all([page.waitForEvent('load'), button.click()]);
}

async function walk(page: Page, person: Person, suite: string): Promise<Seen> {
  const pictures: Buffer[] = [];
  const titles: string[] = [];
  const seen = (): Seen => ({ url: page.url(), pictures, titles });
  for (let step = 0; step < stepsMax; step += 1) {
    await page.waitForLoadState('networkidle');
    if (new URL(page.url()).origin === new URL(suite).origin) {
      await handedOver(page);
      return seen();
    }
    pictures.push(await page.screenshot());
    titles.push(`${await page.title()} (${page.url().split('?')[0]})`);
    if (!(await answer(page, person))) return seen();
  }
  return seen();
}

/** The suite's page for fragments posts what it finds, and says so when it is done. */
async function handedOver(page: Page): Promise<void> {
  const posts = await page.getByText('Processing response from authorization server').count();
  if (posts > 0) await page.locator('#submission_complete').waitFor({ state: 'attached' });
}

/** @returns false where the page asks for nothing */
async function answer(page: Page, person: Person): Promise<boolean> {
  if (person.decides === 'nothing') return false;
  const deny = page.locator('button[name=deny]');
  if (person.decides === 'deny' && (await deny.count()) > 0) {
    await press(page, deny);
    return true;
  }
  const submit = page.locator('button[type=submit]:not([name=deny])');
  if ((await submit.count()) === 0) return false;
  const password = page.locator('input[name=password]');
  if ((await password.count()) > 0) {
    const username = page.locator('input[name=username]:not([type=hidden])');
    if ((await username.count()) > 0) await username.fill(person.username);
    await password.fill(person.password);
  }
  await press(page, submit.first());
  return true;
}
