/** The words of the pages, by language. A language is one entry; English is what is left. */

const english = {
  signIn: 'Sign in',
  signInTo: 'Sign in to continue to {client}',
  username: 'Username',
  password: 'Password',
  cancel: 'Cancel',
  wrongCredentials: 'Username or password is wrong.',
  secondStep: 'One more step',
  secondStepHint: 'Enter the code that your app shows, or one of your recovery codes.',
  forgot: 'Password forgotten?',
  code: 'Code',
  wrongCode: 'The code is wrong, or was used already.',
  locked: 'Too many attempts. Try again in {seconds} seconds.',
  busy: 'Too many people are signing in at this moment. Try again.',
  formExpired: 'This form was no longer good. Try again.',
  asked_to: 'Please confirm that it is you.',
  too_long_ago: 'You signed in some time ago. Please confirm that it is you.',
  other_account: 'Please sign in with the account that {client} asks for.',
  choose_account: 'Which account do you want to go on with?',
  stronger: 'This needs a stronger sign-in.',
  continueAs: 'Continue as {user}',
  consent: 'Give access',
  consentTo: '{client} asks for access to your account',
  signedInAs: 'You are signed in as {user}.',
  unvetted:
    'This application gave itself the name {client}; no administrator here knows it. ' +
    'It is registered as {id}.',
  wants: 'It wants to:',
  at: 'At:',
  claims: 'It asks for these details by name:',
  goesTo: 'You will be sent to {destination}.',
  goesToLoopback:
    'You will be sent to a program on this computer ({destination}). ' +
    'Allow it only if you have just started that program yourself.',
  allow: 'Allow',
  deny: 'Do not allow',
  openid: 'know who you are',
  profile: 'see your profile, such as your name and picture',
  email: 'see your e-mail address',
  address: 'see your postal address',
  phone: 'see your phone number',
  offline_access: 'keep this access while you are away',
  otherScope: 'use “{scope}”',
  policy: 'How it uses your data',
  terms: 'Its terms of service',
  error: 'This did not work',
  errorHint: 'Go back to the application and try again. If it happens again, tell its operator:',
  client_not_named: 'The request does not name an application.',
  unknown_client: 'The application is not known here.',
  redirect_uri_not_named: 'The request does not say where to return to.',
  redirect_uri_not_registered: 'The place to return to is not one of this application.',
  invalid_request_object: 'The signed request of the application cannot be accepted.',
  awaiting_approval:
    'This application asks for more than every application gets here. ' +
    'An administrator has to approve it first.',
  too_many_sign_ins: 'Too many sign-ins were begun from your network. Try again in a minute.',
  pushed_request_over: 'This request is over: it was completed, or it took too long to begin.',
  sign_in_over:
    'This sign-in is over: it was completed, it took too long, or it belongs to another browser.',
  malformed_request: 'The request could not be read.',
  unavailable: 'The service is not available at the moment.',
  security: 'Sign-in and security',
  currentPassword: 'Current password',
  wrongPassword: 'The current password is wrong.',
  app: 'Authenticator app',
  appIsSet: 'A code of your app is asked for after the password.',
  appIsNotSet: 'No app is set up.',
  setUpApp: 'Set up an app',
  removeApp: 'Remove the app',
  appHint: 'Scan this with your app, or give it the secret, then enter the code that it shows.',
  qrCode: 'The secret as a QR code',
  openApp: 'Open the app on this device',
  recoveryCodes: 'Recovery codes',
  codesLeft: 'Codes left: {count}. Each works once in place of the app.',
  makeCodes: 'Make new codes',
  codesHint: 'Keep these codes where you find them without your phone. They are shown only now.',
  passkey: 'Passkey',
  passkeys: 'Passkeys',
  addPasskey: 'Add a passkey',
  passkeyName: 'A name to know it by',
  passkeyTrouble: 'The passkey did not work. Try again.',
  tooManyPasskeys: 'There are too many passkeys. Remove one first.',
  needsScript: 'Passkeys need JavaScript in this browser.',
  withPasskey: 'Sign in with a passkey',
  remove: 'Remove',
  back: 'Back',
  forgotPassword: 'Forgotten password',
  forgotHint: 'You get a link to set a new password, at the e-mail address of your account.',
  sendLink: 'Send the link',
  linkSent:
    'If there is such an account, and it has an e-mail address that was verified, ' +
    'a link is on its way. It works for half an hour.',
  newPassword: 'New password',
  save: 'Save',
  passwordSet: 'The new password is set. You were signed out everywhere.',
  passwordTooShort: 'The password must have at least {count} characters.',
  passwordTooLong: 'The password is too long: it may have {count} bytes.',
  passwordBlocked: 'That password is among those that are guessed first. Choose another one.',
  reset_over: 'This link is over: it was used, it took too long, or a newer one was sent.',
  no_self_service: 'Passwords are set by the administrators here. Ask one of them.',
  returning: 'Back to {client}',
  malformed_logout: 'The request to sign out could not be read.',
  return_not_registered: 'The place to return to is not one of this application.',
  goOn: 'Continue',
  signOut: 'Sign out',
  signOutAskedBy: '{client} asks you to sign out.',
  staySignedIn: 'Stay signed in',
  signedOut: 'You are signed out',
  signedOutHint: 'You may close this page.',
  account: 'Your account',
  sessions: 'Where you are signed in',
  device: 'Browser',
  unknownDevice: 'Unknown browser',
  lastSeen: 'Last seen',
  thisBrowser: '(this one)',
  end: 'Sign out there',
  consents: 'Applications with access',
  noConsents: 'None.',
  application: 'Application',
  mayDo: 'May use',
  since: 'Since',
  withdraw: 'Withdraw',
  devices: 'Devices and applications that stay signed in',
  deviceCode: 'Connect a device',
  deviceCodeHint: 'Enter the code that your device shows.',
  deviceConfirm: 'Is this the code that your device shows?',
  deviceConfirmHint:
    'Continue only if you have just started this yourself, on a device that is with you. ' +
    'A code that somebody has sent you connects the device of that person to your account.',
  otherCode: 'Enter another code',
  wrongUserCode: 'This code is not known here, or it is over. Look at your device again.',
  deviceAsks: '{client} on another device asks for access to your account',
  deviceFrom: 'The device asked from the address {address} at {time}.',
  deviceFromWith: 'The device ({device}) asked from the address {address} at {time}.',
  deviceWarning:
    'Allow it only if you have just started this yourself, on a device that is with you. ' +
    'If somebody sent you the code or asked you to enter it, do not allow it.',
  deviceAllowed: 'The device has access',
  deviceAllowedHint: 'Go back to your device: it continues by itself. You may close this page.',
  deviceDenied: 'The device has no access',
  deviceDeniedHint: 'You did not allow it. You may close this page.',
  device_code_over: 'This code is over: it was answered, or it took too long.',
  account_too_weak: 'The application asks for a stronger sign-in than this account has.',
  requests: 'Requests of applications',
  noRequests: 'Nothing waits for you.',
  bindingMessage: 'The application shows:',
  request_over: 'This request is over: it was answered, or it took too long.',
  tokens: 'Personal access tokens',
  tokensHint:
    'A token lets a program of yours act for you, for what you choose. ' +
    'It never may more than you may yourself.',
  tokensNone: 'You can make no token: there is nothing that one of yours could be used for.',
  newToken: 'New token',
  tokenConfirm: 'You signed in some time ago. To make a token, sign in again.',
  makeToken: 'Make the token',
  tokenName: 'Name',
  tokenEnds: 'Ends',
  tokenResources: 'At these places only; none chosen: everywhere',
  tokenWaits: 'waits for approval',
  tokenStopped: 'stopped',
  tokenNeedsApproval: 'A new token works once an administrator has approved it.',
  tokenShownOnce: 'This is the token “{name}”. Keep it in a safe place: it is shown only now.',
  tokenIncomplete: 'Give the token a name, and choose what it may be used for.',
  tooManyTokens: 'There are too many tokens. End one first.',
  neverUsed: 'Never',
  lastUsed: 'Last used',
  revokeToken: 'End it',
  days: 'in {count} days',
} as const;

export type MessageName = keyof typeof english;
export type Messages = Readonly<Record<MessageName, string>>;

const german: Messages = {
  signIn: 'Anmelden',
  signInTo: 'Melden Sie sich an, um zu {client} weiterzugehen',
  username: 'Benutzername',
  password: 'Passwort',
  cancel: 'Abbrechen',
  wrongCredentials: 'Benutzername oder Passwort ist falsch.',
  secondStep: 'Noch ein Schritt',
  secondStepHint:
    'Geben Sie den Code ein, den Ihre App zeigt, oder einen Ihrer Wiederherstellungscodes.',
  forgot: 'Passwort vergessen?',
  code: 'Code',
  wrongCode: 'Der Code ist falsch oder wurde schon benutzt.',
  locked: 'Zu viele Versuche. Versuchen Sie es in {seconds} Sekunden wieder.',
  busy: 'Im Moment melden sich zu viele an. Versuchen Sie es noch einmal.',
  formExpired: 'Dieses Formular galt nicht mehr. Versuchen Sie es noch einmal.',
  asked_to: 'Bitte bestätigen Sie, dass Sie es sind.',
  too_long_ago: 'Ihre Anmeldung liegt länger zurück. Bitte bestätigen Sie, dass Sie es sind.',
  other_account: 'Bitte melden Sie sich mit dem Konto an, nach dem {client} fragt.',
  choose_account: 'Mit welchem Konto möchten Sie weitermachen?',
  stronger: 'Hierfür ist eine stärkere Anmeldung nötig.',
  continueAs: 'Weiter als {user}',
  consent: 'Zugriff erlauben',
  consentTo: '{client} bittet um Zugriff auf Ihr Konto',
  signedInAs: 'Sie sind als {user} angemeldet.',
  unvetted:
    'Diese Anwendung hat sich den Namen {client} selbst gegeben; kein Verwalter hier kennt sie. ' +
    'Sie ist als {id} eingetragen.',
  wants: 'Die Anwendung möchte:',
  at: 'Bei:',
  claims: 'Sie fragt namentlich nach diesen Angaben:',
  goesTo: 'Sie werden zu {destination} weitergeleitet.',
  goesToLoopback:
    'Sie werden zu einem Programm auf diesem Rechner weitergeleitet ({destination}). ' +
    'Erlauben Sie es nur, wenn Sie dieses Programm gerade selbst gestartet haben.',
  allow: 'Erlauben',
  deny: 'Nicht erlauben',
  openid: 'wissen, wer Sie sind',
  profile: 'Ihr Profil sehen, etwa Name und Bild',
  email: 'Ihre E-Mail-Adresse sehen',
  address: 'Ihre Postanschrift sehen',
  phone: 'Ihre Telefonnummer sehen',
  offline_access: 'diesen Zugriff behalten, während Sie abwesend sind',
  otherScope: '„{scope}“ nutzen',
  policy: 'Wie sie Ihre Daten verwendet',
  terms: 'Ihre Nutzungsbedingungen',
  error: 'Das hat nicht geklappt',
  errorHint:
    'Gehen Sie zur Anwendung zurück und versuchen Sie es noch einmal. ' +
    'Wenn es wieder geschieht, sagen Sie ihrem Betreiber:',
  client_not_named: 'Die Anfrage nennt keine Anwendung.',
  unknown_client: 'Die Anwendung ist hier nicht bekannt.',
  redirect_uri_not_named: 'Die Anfrage sagt nicht, wohin es zurückgehen soll.',
  redirect_uri_not_registered: 'Das Ziel der Rückkehr gehört nicht zu dieser Anwendung.',
  invalid_request_object: 'Die signierte Anfrage der Anwendung kann nicht angenommen werden.',
  awaiting_approval:
    'Diese Anwendung bittet um mehr, als hier jede Anwendung bekommt. ' +
    'Ein Verwalter muss dem erst zustimmen.',
  too_many_sign_ins:
    'Aus Ihrem Netz wurden zu viele Anmeldungen begonnen. Versuchen Sie es in einer Minute wieder.',
  pushed_request_over: 'Diese Anfrage ist vorbei: Sie wurde abgeschlossen oder kam zu spät.',
  sign_in_over:
    'Diese Anmeldung ist vorbei: Sie wurde abgeschlossen, hat zu lange gedauert ' +
    'oder gehört zu einem anderen Browser.',
  malformed_request: 'Die Anfrage ist nicht lesbar.',
  unavailable: 'Der Dienst ist im Moment nicht erreichbar.',
  security: 'Anmeldung und Sicherheit',
  currentPassword: 'Jetziges Passwort',
  wrongPassword: 'Das jetzige Passwort ist falsch.',
  app: 'Authenticator-App',
  appIsSet: 'Nach dem Passwort wird ein Code Ihrer App verlangt.',
  appIsNotSet: 'Es ist keine App eingerichtet.',
  setUpApp: 'App einrichten',
  removeApp: 'App entfernen',
  appHint:
    'Lesen Sie das Bild mit Ihrer App ein, oder geben Sie ihr das Geheimnis; dann hier ihren Code.',
  qrCode: 'Das Geheimnis als QR-Code',
  openApp: 'Die App auf diesem Gerät öffnen',
  recoveryCodes: 'Wiederherstellungscodes',
  codesLeft: 'Übrige Codes: {count}. Jeder gilt einmal anstelle der App.',
  makeCodes: 'Neue Codes erzeugen',
  codesHint:
    'Bewahren Sie diese Codes so auf, dass Sie sie ohne Telefon finden. ' +
    'Sie werden nur jetzt gezeigt.',
  passkey: 'Passkey',
  passkeys: 'Passkeys',
  addPasskey: 'Passkey hinzufügen',
  passkeyName: 'Ein Name, an dem Sie ihn erkennen',
  passkeyTrouble: 'Mit dem Passkey hat es nicht geklappt. Versuchen Sie es noch einmal.',
  tooManyPasskeys: 'Es gibt zu viele Passkeys. Entfernen Sie erst einen.',
  needsScript: 'Passkeys brauchen JavaScript in diesem Browser.',
  withPasskey: 'Mit einem Passkey anmelden',
  remove: 'Entfernen',
  back: 'Zurück',
  forgotPassword: 'Passwort vergessen',
  forgotHint: 'Sie bekommen einen Link für ein neues Passwort an die E-Mail-Adresse Ihres Kontos.',
  sendLink: 'Link senden',
  linkSent:
    'Wenn es dieses Konto gibt und seine E-Mail-Adresse bestätigt ist, ' +
    'ist ein Link unterwegs. Er gilt eine halbe Stunde.',
  newPassword: 'Neues Passwort',
  save: 'Speichern',
  passwordSet: 'Das neue Passwort gilt. Sie wurden überall abgemeldet.',
  passwordTooShort: 'Das Passwort muss mindestens {count} Zeichen haben.',
  passwordTooLong: 'Das Passwort ist zu lang: höchstens {count} Bytes.',
  passwordBlocked:
    'Dieses Passwort gehört zu denen, die zuerst geraten werden. Wählen Sie ein anderes.',
  reset_over: 'Dieser Link ist vorbei: Er wurde benutzt, war zu alt, oder es gibt einen neueren.',
  no_self_service: 'Passwörter setzen hier die Verwalter. Fragen Sie einen von ihnen.',
  returning: 'Zurück zu {client}',
  malformed_logout: 'Die Anfrage zum Abmelden ist nicht lesbar.',
  return_not_registered: 'Das Ziel der Rückkehr gehört nicht zu dieser Anwendung.',
  goOn: 'Weiter',
  signOut: 'Abmelden',
  signOutAskedBy: '{client} bittet Sie, sich abzumelden.',
  staySignedIn: 'Angemeldet bleiben',
  signedOut: 'Sie sind abgemeldet',
  signedOutHint: 'Sie können diese Seite schließen.',
  account: 'Ihr Konto',
  sessions: 'Wo Sie angemeldet sind',
  device: 'Browser',
  unknownDevice: 'Unbekannter Browser',
  lastSeen: 'Zuletzt gesehen',
  thisBrowser: '(dieser)',
  end: 'Dort abmelden',
  consents: 'Anwendungen mit Zugriff',
  noConsents: 'Keine.',
  application: 'Anwendung',
  mayDo: 'Darf nutzen',
  since: 'Seit',
  withdraw: 'Entziehen',
  devices: 'Geräte und Anwendungen, die angemeldet bleiben',
  deviceCode: 'Gerät verbinden',
  deviceCodeHint: 'Geben Sie den Code ein, den Ihr Gerät zeigt.',
  deviceConfirm: 'Zeigt Ihr Gerät genau diesen Code?',
  deviceConfirmHint:
    'Gehen Sie nur weiter, wenn Sie das gerade selbst begonnen haben, an einem Gerät bei Ihnen. ' +
    'Ein Code, den Ihnen jemand geschickt hat, verbindet dessen Gerät mit Ihrem Konto.',
  otherCode: 'Anderen Code eingeben',
  wrongUserCode:
    'Dieser Code ist hier nicht bekannt oder nicht mehr gültig. Sehen Sie noch einmal nach.',
  deviceAsks: '{client} auf einem anderen Gerät bittet um Zugriff auf Ihr Konto',
  deviceFrom: 'Das Gerät hat um {time} von der Adresse {address} aus gefragt.',
  deviceFromWith: 'Das Gerät ({device}) hat um {time} von der Adresse {address} aus gefragt.',
  deviceWarning:
    'Erlauben Sie es nur, wenn Sie das gerade selbst begonnen haben, an einem Gerät bei Ihnen. ' +
    'Hat Ihnen jemand den Code geschickt oder Sie gebeten, ihn einzugeben: erlauben Sie es nicht.',
  deviceAllowed: 'Das Gerät hat Zugriff',
  deviceAllowedHint:
    'Gehen Sie zu Ihrem Gerät zurück: es geht von selbst weiter. ' +
    'Sie können diese Seite schließen.',
  deviceDenied: 'Das Gerät hat keinen Zugriff',
  deviceDeniedHint: 'Sie haben es nicht erlaubt. Sie können diese Seite schließen.',
  device_code_over: 'Dieser Code ist vorbei: Er wurde beantwortet, oder es hat zu lange gedauert.',
  account_too_weak: 'Die Anwendung verlangt eine stärkere Anmeldung, als dieses Konto hat.',
  requests: 'Anfragen von Anwendungen',
  noRequests: 'Es wartet nichts auf Sie.',
  bindingMessage: 'Die Anwendung zeigt:',
  request_over: 'Diese Anfrage ist vorbei: Sie wurde beantwortet oder hat zu lange gedauert.',
  tokens: 'Persönliche Zugriffstoken',
  tokensHint:
    'Mit einem Token handelt ein Programm für Sie, nur für das, was Sie auswählen. ' +
    'Es darf nie mehr als Sie selbst.',
  tokensNone: 'Sie können kein Token anlegen: Es gibt nichts, wofür es gelten könnte.',
  newToken: 'Neues Token',
  tokenConfirm:
    'Ihre Anmeldung liegt länger zurück. Für ein neues Token melden Sie sich bitte neu an.',
  makeToken: 'Token anlegen',
  tokenName: 'Name',
  tokenEnds: 'Läuft ab',
  tokenResources: 'Nur an diesen Stellen; keine ausgewählt: überall',
  tokenWaits: 'wartet auf Genehmigung',
  tokenStopped: 'angehalten',
  tokenNeedsApproval: 'Ein neues Token gilt, sobald es genehmigt wurde.',
  tokenShownOnce:
    'Das ist das Token „{name}“. Bewahren Sie es sicher auf: Es wird nur jetzt gezeigt.',
  tokenIncomplete: 'Geben Sie dem Token einen Namen, und wählen Sie, wofür es gilt.',
  tooManyTokens: 'Es gibt zu viele Token. Beenden Sie erst eines.',
  neverUsed: 'Nie',
  lastUsed: 'Zuletzt benutzt',
  revokeToken: 'Beenden',
  days: 'in {count} Tagen',
};

const catalogue: Readonly<Record<string, Messages>> = { en: english, de: german };

/** BCP 47 tags that a request's `ui_locales` is heard for. */
export const languages = Object.keys(catalogue);

export interface Words {
  /** BCP 47, for the page's `lang`. */
  readonly language: string;
  /** The message with its places filled; they are text, and escaped like any other. */
  say(name: MessageName, values?: Readonly<Record<string, string>>): string;
}

/**
 * The first language that we have.
 *
 * @param wanted `ui_locales` of the request, in order of preference
 * @param acceptLanguage the browser's header (RFC 9110 §12.5.4)
 */
export function wordsFor(wanted: readonly string[], acceptLanguage: string | undefined): Words {
  const asked = [...wanted, ...acceptedLanguages(acceptLanguage ?? '')];
  const wishes = asked.map((tag) => tag.split('-', 1)[0]!.toLowerCase());
  const language = wishes.find((one) => Object.hasOwn(catalogue, one)) ?? 'en';
  const messages = catalogue[language] ?? english;
  return {
    language,
    say: (name, values = {}) =>
      messages[name].replace(/\{(\w+)\}/g, (place, key: string) => values[key] ?? place),
  };
}

/** Weights are honoured, a language of weight 0 is left out. */
function acceptedLanguages(header: string): readonly string[] {
  return header
    .slice(0, 256)
    .split(',')
    .map((part) => {
      const [tag = '', ...parameters] = part.trim().split(/\s*;\s*/);
      const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
      return { tag, weight: Number(weight) };
    })
    .filter(({ tag, weight }) => tag !== '' && weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ tag }) => tag);
}
