/**
 * What owners are told, by kind and language: English is there for every kind, and stands in where
 * a language is missing. `{name}` is a fact that comes with the notice. A kind is one entry.
 */

import { rotationWords } from './rotation-words.ts';

export interface NoticeWords {
  readonly subject: string;
  readonly text: string;
}

export const noticeWords = {
  ...rotationWords,
  'key.expiring': {
    en: {
      subject: 'The API key “{name}” ends soon',
      text:
        'The API key “{name}” ({id}) ends at {expires_at}.\n' +
        'Last used: {last_used}\n\n' +
        'Rotate it before then if it is still needed: what uses it is refused afterwards.\n',
    },
    de: {
      subject: 'Der API-Schlüssel „{name}“ läuft bald ab',
      text:
        'Der API-Schlüssel „{name}“ ({id}) läuft ab am {expires_at}.\n' +
        'Zuletzt benutzt: {last_used}\n\n' +
        'Erneuern Sie ihn vorher, falls er noch gebraucht wird: Danach wird er abgewiesen.\n',
    },
  },
  'key.unused': {
    en: {
      subject: 'Nobody uses the API key “{name}”',
      text:
        'The API key “{name}” ({id}) was last used, or made, at {last_used}.\n' +
        'It is disabled at {disabled_at} unless it is used before then.\n',
    },
    de: {
      subject: 'Niemand benutzt den API-Schlüssel „{name}“',
      text:
        'Der API-Schlüssel „{name}“ ({id}) wurde zuletzt benutzt oder angelegt am ' +
        '{last_used}.\n' +
        'Er wird am {disabled_at} gesperrt, falls er bis dahin nicht benutzt wird.\n',
    },
  },
  'key.retired': {
    en: {
      subject: 'The unused API key “{name}” was disabled',
      text:
        'The API key “{name}” ({id}) was last used, or made, at {last_used}, and was disabled at ' +
        '{disabled_at}.\nEnable it again if it is still needed.\n',
    },
    de: {
      subject: 'Der unbenutzte API-Schlüssel „{name}“ wurde gesperrt',
      text:
        'Der API-Schlüssel „{name}“ ({id}) wurde zuletzt benutzt oder angelegt am ' +
        '{last_used} und am {disabled_at} gesperrt.\n' +
        'Geben Sie ihn wieder frei, falls er noch gebraucht wird.\n',
    },
  },
  'key.revealed': {
    en: {
      subject: 'The API key “{name}” was shown again',
      text:
        'The API key “{name}” ({id}) was shown again at {revealed_at} to {by}.\n' +
        'Rotate it if that was not meant to happen.\n',
    },
    de: {
      subject: 'Der API-Schlüssel „{name}“ wurde erneut angezeigt',
      text:
        'Der API-Schlüssel „{name}“ ({id}) wurde am {revealed_at} erneut angezeigt für {by}.\n' +
        'Erneuern Sie ihn, falls das nicht vorgesehen war.\n',
    },
  },
  'pat.expiring': {
    en: {
      subject: 'Your access token “{name}” ends soon',
      text:
        'Your personal access token “{name}” ({id}) ends at {expires_at}.\n' +
        'Last used: {last_used}\n\n' +
        'Make another one before then if you still need it: what uses it is refused afterwards.\n',
    },
    de: {
      subject: 'Ihr Zugriffstoken „{name}“ läuft bald ab',
      text:
        'Ihr persönliches Zugriffstoken „{name}“ ({id}) läuft ab am {expires_at}.\n' +
        'Zuletzt benutzt: {last_used}\n\n' +
        'Legen Sie vorher ein neues an, falls Sie es noch brauchen: Danach wird es abgewiesen.\n',
    },
  },
  'pat.created': {
    en: {
      subject: 'An access token “{name}” was made',
      text:
        'A personal access token “{name}” ({id}) was made for your account. ' +
        'It ends at {expires_at}.\n\n' +
        'If it was not you, end it on your account page, and change your password.\n',
    },
    de: {
      subject: 'Ein Zugriffstoken „{name}“ wurde angelegt',
      text:
        'Für Ihr Konto wurde ein persönliches Zugriffstoken „{name}“ ({id}) angelegt. ' +
        'Es läuft ab am {expires_at}.\n\n' +
        'Waren Sie es nicht, beenden Sie es auf Ihrer Kontoseite und ändern Sie das Passwort.\n',
    },
  },
  'pat.approved': {
    en: {
      subject: 'Your access token “{name}” was approved',
      text: 'Your personal access token “{name}” ({id}) may be used now, until {expires_at}.\n',
    },
    de: {
      subject: 'Ihr Zugriffstoken „{name}“ wurde genehmigt',
      text:
        'Ihr persönliches Zugriffstoken „{name}“ ({id}) kann jetzt benutzt werden, ' +
        'bis {expires_at}.\n',
    },
  },
  'pat.unused': {
    en: {
      subject: 'Nobody uses your access token “{name}”',
      text:
        'Your personal access token “{name}” ({id}) was last used, or made, at {last_used}.\n' +
        'It is disabled at {disabled_at} unless it is used before then.\n',
    },
    de: {
      subject: 'Niemand benutzt Ihr Zugriffstoken „{name}“',
      text:
        'Ihr persönliches Zugriffstoken „{name}“ ({id}) wurde zuletzt benutzt oder angelegt am ' +
        '{last_used}.\n' +
        'Es wird am {disabled_at} gesperrt, falls es bis dahin nicht benutzt wird.\n',
    },
  },
  'pat.retired': {
    en: {
      subject: 'Your unused access token “{name}” was disabled',
      text:
        'Your personal access token “{name}” ({id}) was last used, or made, at {last_used}, and ' +
        'was disabled at {disabled_at}.\nMake another one if you still need it, or ask an ' +
        'administrator to enable it again.\n',
    },
    de: {
      subject: 'Ihr unbenutztes Zugriffstoken „{name}“ wurde gesperrt',
      text:
        'Ihr persönliches Zugriffstoken „{name}“ ({id}) wurde zuletzt benutzt oder angelegt am ' +
        '{last_used} und am {disabled_at} gesperrt.\n' +
        'Legen Sie ein neues an, falls Sie es noch brauchen, oder lassen Sie es von der ' +
        'Verwaltung wieder freigeben.\n',
    },
  },
  'admin_key.expiring': {
    en: {
      subject: 'The administrator’s key “{name}” ends soon',
      text:
        'The administrator’s key “{name}” ({id}) ends at {expires_at}.\n' +
        'Last used: {last_used}\n\n' +
        'Make another one before then if it is still needed.\n',
    },
    de: {
      subject: 'Der Verwaltungsschlüssel „{name}“ läuft bald ab',
      text:
        'Der Verwaltungsschlüssel „{name}“ ({id}) läuft ab am {expires_at}.\n' +
        'Zuletzt benutzt: {last_used}\n\n' +
        'Legen Sie vorher einen neuen an, falls er noch gebraucht wird.\n',
    },
  },
  'leak.found': {
    en: {
      subject: 'Leaked: {what} “{name}”',
      text:
        'The {what} “{name}” ({id}) was found where it does not belong.\n' +
        'Seen at: {seen_at}\n' +
        'State: {state}\n' +
        'Revoked at: {revoke_at}\n\n' +
        'Put a new one in its place. If this is a false alarm, an administrator can release it.\n',
    },
    de: {
      subject: 'Offen gefunden: {what} „{name}“',
      text:
        '{what} „{name}“ ({id}) wurde gefunden, wo es nicht hingehört.\n' +
        'Gesehen: {seen_at}\n' +
        'Zustand: {state}\n' +
        'Widerrufen am: {revoke_at}\n\n' +
        'Ersetzen Sie es. Ist es ein falscher Alarm, kann die Verwaltung es wieder freigeben.\n',
    },
  },
  'signing_key.ended': {
    en: {
      subject: 'The tokens of the client “{client}” were ended',
      text:
        'A signing key was withdrawn at {ended_at}, and with it every token that it signed: ' +
        '{tokens} of the client “{client}”.\n' +
        'Sign-ins that go on by refresh tokens: {families}. All others get new tokens by asking ' +
        'again.\n\n' +
        'Whoever keeps the key set should fetch it anew now.\n',
    },
    de: {
      subject: 'Die Tokens des Clients „{client}“ wurden beendet',
      text:
        'Ein Signaturschlüssel wurde am {ended_at} zurückgezogen, und mit ihm alle Tokens, ' +
        'die er signiert hat: {tokens} des Clients „{client}“.\n' +
        'Anmeldungen, die mit Refresh-Tokens weiterlaufen: {families}. Alle anderen ' +
        'holen sich neue Tokens.\n\n' +
        'Wer den Schlüsselsatz zwischenspeichert, sollte ihn jetzt neu laden.\n',
    },
  },
  'key.narrowed': {
    en: {
      subject: '“{name}” has lost rights that it did not use',
      text:
        '“{name}” ({id}) has lost {removed}: in the time that was measured it did not use them.\n' +
        'On trial until {trial_ends_at}. If something stops working, say so before then: the ' +
        'former rights can be given back as they were.\n',
    },
    de: {
      subject: '„{name}“ hat Rechte verloren, die nicht benutzt wurden',
      text:
        '„{name}“ ({id}) hat {removed} verloren: in der gemessenen Zeit nicht benutzt.\n' +
        'Auf Probe bis {trial_ends_at}. Falls etwas nicht mehr geht, melden Sie es vorher: Die ' +
        'früheren Rechte lassen sich genau so zurückgeben.\n',
    },
  },
  'key.narrowing_refused': {
    en: {
      subject: '“{name}” was refused for a right that it lost',
      text:
        '“{name}” ({id}) was refused {refused} times since {since}: it asked for {scope}, which ' +
        'it lost because it had not been used.\n' +
        'If that is needed, have the narrowing undone before {trial_ends_at}.\n',
    },
    de: {
      subject: '„{name}“ wurde abgewiesen, weil ein Recht entzogen ist',
      text:
        '„{name}“ ({id}) wurde seit {since} {refused} Mal abgewiesen: Verlangt war {scope}, das ' +
        'entzogen ist, weil es nicht benutzt wurde.\n' +
        'Falls es gebraucht wird, lassen Sie den Entzug vor {trial_ends_at} rückgängig machen.\n',
    },
  },
} as const satisfies Readonly<
  Record<string, { readonly en: NoticeWords; readonly de: NoticeWords }>
>;

export type NoticeKind = keyof typeof noticeWords;

export type NoticeFacts = Readonly<Record<string, string | null>>;

/**
 * The words for a person. A kind that this program does not know yet, because a newer one has told
 * it, is told by its name and its facts.
 *
 * @param language BCP 47, or undefined
 */
export function writeNotice(
  kind: string,
  language: string | undefined,
  facts: NoticeFacts,
): NoticeWords {
  const words = Object.hasOwn(noticeWords, kind) ? noticeWords[kind as NoticeKind] : undefined;
  if (words === undefined) {
    const lines = Object.keys(facts).map((name) => `${name}: ${shown(facts[name])}\n`);
    return { subject: kind, text: lines.join('') };
  }
  const primary = language?.split('-', 1)[0]?.toLowerCase();
  const { subject, text } = primary === 'de' ? words.de : words.en;
  return { subject: fill(subject, facts), text: fill(text, facts) };
}

function fill(template: string, facts: NoticeFacts): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => shown(facts[name]));
}

/** Control and format characters, among them what turns the order of letters around. */
const unprintable = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** A fact is one line, whoever told it; moments are without their seconds, unknown ones a dash. */
function shown(fact: string | null | undefined): string {
  if (fact === null || fact === undefined) return '–';
  const moment = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(?:\.\d+)?Z$/.exec(fact);
  return moment === null ? fact.replace(unprintable, ' ') : `${moment[1]} ${moment[2]} UTC`;
}
