/** What owners are told of the rotation of a credential of theirs: see `notice-words.ts`. */
export const rotationWords = {
  'rotation.delivery': {
    en: {
      subject: 'The new secret of “{rotation}” cannot be delivered',
      text:
        'Rotation “{rotation}” has made a new secret for {id}, and cannot bring it: {failure}.\n' +
        'The old one works until {ends_at}. Delivery is tried again and again.\n\n' +
        'See that the place can be written to.\n',
    },
    de: {
      subject: 'Das neue Geheimnis von „{rotation}“ lässt sich nicht zustellen',
      text:
        'Die Rotation „{rotation}“ hat ein neues Geheimnis für {id} erzeugt und kann es nicht ' +
        'zustellen: {failure}.\n' +
        'Das alte gilt bis {ends_at}. Die Zustellung wird immer wieder versucht.\n\n' +
        'Sorgen Sie dafür, dass am Ziel geschrieben werden kann.\n',
    },
  },
  'rotation.extended': {
    en: {
      subject: 'The new secret of “{rotation}” is not used yet',
      text:
        'Nobody has used the successor that rotation “{rotation}” made for {id}.\n' +
        'The old one now works until {ends_at}, extension {extensions}.\n\n' +
        'See that what uses it reads the new secret.\n',
    },
    de: {
      subject: 'Das neue Geheimnis von „{rotation}“ wird noch nicht benutzt',
      text:
        'Den Nachfolger, den die Rotation „{rotation}“ für {id} erzeugt hat, hat noch niemand ' +
        'benutzt.\nDas alte gilt nun bis {ends_at}, Verlängerung {extensions}.\n\n' +
        'Sorgen Sie dafür, dass das neue Geheimnis gelesen wird.\n',
    },
  },
  'rotation.unconfirmed': {
    en: {
      subject: 'The old secret of “{rotation}” ends soon, and the new one is not used',
      text:
        'Nobody has used the successor that rotation “{rotation}” made for {id}, and the overlap ' +
        'is not extended any further.\nWhat uses the old one is refused from {ends_at} on.\n',
    },
    de: {
      subject: 'Das alte Geheimnis von „{rotation}“ endet bald, das neue wird nicht benutzt',
      text:
        'Den Nachfolger, den die Rotation „{rotation}“ für {id} erzeugt hat, hat noch niemand ' +
        'benutzt, und die Frist wird nicht weiter verlängert.\n' +
        'Wer das alte benutzt, wird ab {ends_at} abgewiesen.\n',
    },
  },
  'rotation.ended': {
    en: {
      subject: 'The old secret of “{rotation}” was used to the last',
      text:
        'Rotation “{rotation}” of {id} is done. The old one was used {uses} times after it, the ' +
        'last time at {last_used} from {last_address}.\n' +
        'It has ended: whoever still uses it is refused.\n',
    },
    de: {
      subject: 'Das alte Geheimnis von „{rotation}“ wurde bis zuletzt benutzt',
      text:
        'Die Rotation „{rotation}“ von {id} ist abgeschlossen. Das alte wurde danach noch {uses} ' +
        'Mal benutzt, zuletzt am {last_used} von {last_address}.\n' +
        'Es ist beendet: Wer es noch benutzt, wird abgewiesen.\n',
    },
  },
  'rotation.missed': {
    en: {
      subject: 'The old secret of “{rotation}” has ended, and nobody uses the new one',
      text:
        'The successor that rotation “{rotation}” made for {id} was never used. The old one has ' +
        'ended: whoever still uses it is refused.\n' +
        'It was used {uses} times after the rotation, the last time at {last_used}.\n',
    },
    de: {
      subject: 'Das alte Geheimnis von „{rotation}“ ist beendet, das neue benutzt niemand',
      text:
        'Der Nachfolger, den die Rotation „{rotation}“ für {id} erzeugt hat, wurde nie benutzt. ' +
        'Das alte ist beendet: Wer es noch benutzt, wird abgewiesen.\n' +
        'Es wurde nach der Rotation {uses} Mal benutzt, zuletzt am {last_used}.\n',
    },
  },
  'rotation.waiting': {
    en: {
      subject: 'Not every program of “{rotation}” uses the new secret',
      text:
        'Of the programs that share {id}, these have not used the successor that rotation ' +
        '“{rotation}” made: {programs}.\nThe old one works until {ends_at}, extension ' +
        '{extensions}.\n\nSee that each of them reads the new secret.\n',
    },
    de: {
      subject: 'Nicht jedes Programm von „{rotation}“ benutzt das neue Geheimnis',
      text:
        'Von den Programmen, die sich {id} teilen, haben diese den Nachfolger nicht benutzt, den ' +
        'die Rotation „{rotation}“ erzeugt hat: {programs}.\nDas alte gilt bis {ends_at}, ' +
        'Verlängerung {extensions}.\n\nSorgen Sie dafür, dass jedes das neue liest.\n',
    },
  },
  'rotation.left_behind': {
    en: {
      subject: 'The old secret of “{rotation}” has ended, and not every program has the new one',
      text:
        'Of the programs that share {id}, these never used the successor: {programs}. The old ' +
        'one has ended: they are refused.\n' +
        'It was used {uses} times after the rotation, the last time at {last_used}.\n',
    },
    de: {
      subject:
        'Das alte Geheimnis von „{rotation}“ ist beendet, und nicht jedes Programm hat das neue',
      text:
        'Von den Programmen, die sich {id} teilen, haben diese den Nachfolger nie benutzt: ' +
        '{programs}. Das alte ist beendet: Sie werden abgewiesen.\n' +
        'Es wurde nach der Rotation {uses} Mal benutzt, zuletzt am {last_used}.\n',
    },
  },
  'rotation.blocked': {
    en: {
      subject: 'Rotation “{rotation}” cannot rotate {id}',
      text:
        'It is time for rotation “{rotation}” to make a successor of {id}, and it cannot: ' +
        '{fault}.\nIt is tried again each hour.\n\n' +
        'Make the credential work again, have the rule name another one, or delete the rule.\n',
    },
    de: {
      subject: 'Die Rotation „{rotation}“ kann {id} nicht erneuern',
      text:
        'Für die Rotation „{rotation}“ ist es Zeit, einen Nachfolger von {id} zu erzeugen, und ' +
        'es geht nicht: {fault}.\nSie versucht es jede Stunde wieder.\n\n' +
        'Sorgen Sie dafür, dass es wieder gilt, nennen Sie der Regel ein anderes oder löschen ' +
        'Sie die Regel.\n',
    },
  },
  'rotation.used_late': {
    en: {
      subject: 'An ended secret of {id} was presented',
      text:
        'After its rotation and the end of its overlap, the old secret of {id} was presented and ' +
        'refused, last at {at} from {address}.\n\n' +
        'Either a program was never moved to the new one, or somebody else has the old one.\n',
    },
    de: {
      subject: 'Ein beendetes Geheimnis von {id} wurde vorgelegt',
      text:
        'Nach seiner Rotation und dem Ende der Frist wurde das alte Geheimnis von {id} vorgelegt ' +
        'und abgewiesen, zuletzt am {at} von {address}.\n\n' +
        'Entweder wurde ein Programm nie umgestellt, oder jemand anderes hat das alte.\n',
    },
  },
} as const;
