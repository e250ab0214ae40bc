export { type ExportReport, verifyExport } from './audit/export.ts';
export { type Authority, initAuthority, openAuthority } from './authority.ts';
export { type AuthorityConfig, authorityDefaults } from './config.ts';
export type { Custody } from './custody/custody.ts';
export { initLocalCustody, localCustodyWarnings, openLocalCustody } from './custody/local.ts';
export { type LocalUnlock, readSecretReference } from './custody/unlock.ts';
export type { AuthorityEvent, AuthorityPorts } from './rooms.ts';
export { openStore } from './store/open-store.ts';
export type { Store } from './store/store.ts';
