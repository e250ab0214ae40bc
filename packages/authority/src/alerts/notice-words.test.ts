import { describe, expect, it } from 'vitest';
import { noticeWords, writeNotice } from './notice-words.ts';

const places = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

describe('the words of notices', () => {
  it.each(Object.entries(noticeWords))('say the same of %s in each language', (_, { en, de }) => {
    expect(places(de.subject)).toEqual(places(en.subject));
    expect(places(de.text)).toEqual(places(en.text));
  });

  it('are English where there is no such language', () => {
    const facts = {
      name: 'Deploy',
      id: 'k',
      expires_at: '2026-12-01T00:00:00.000Z',
      last_used: null,
    };
    expect(writeNotice('key.expiring', 'fr', facts)).toEqual(
      writeNotice('key.expiring', undefined, facts),
    );
    expect(writeNotice('key.expiring', 'DE-at', facts).subject).toContain('läuft bald ab');
  });

  it('are lines of their own: a fact adds none', () => {
    const name = 'ci\r\nBcc: x\u2028\u202e\u001b[0m';
    for (const kind of ['leak.found', 'new.kind']) {
      const { subject, text } = writeNotice(kind, 'en', { name, id: 'k', state: 'held\nCall 0' });
      expect(subject).not.toMatch(/[\p{Cc}\p{Cf}\u2028]/u);
      expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Cf}|\u2028|^Call|^Bcc/mu);
    }
  });

  it('are its facts where a newer program told the kind', () => {
    expect(writeNotice('new.kind', 'de', { name: 'x', at: null })).toEqual({
      subject: 'new.kind',
      text: 'name: x\nat: –\n',
    });
  });
});
