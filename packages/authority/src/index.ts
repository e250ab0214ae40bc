export type { AlertWebhook } from './alerts/deliver-notices.ts';
export { createMailer, type Mailer, type MailSettings } from './alerts/mailer.ts';
export { type ExportReport, verifyExport } from './audit/verify-export.ts';
export {
  type Authority,
  initAuthority,
  openAuthority,
  recoverAuthority,
  reopenAuthority,
} from './authority.ts';
export { type AuthorityConfig, authorityDefaults } from './config.ts';
export type { Custody } from './custody/custody.ts';
export { initLocalCustody, localCustodyWarnings, openLocalCustody } from './custody/local.ts';
export { type LocalUnlock, readSecretReference } from './custody/unlock.ts';
export { alertWebhook } from './hooks/alert-webhook.ts';
export type { ClaimsHookSettings } from './hooks/claims-hook.ts';
export { type ClaimsModule, moduleSource } from './hooks/module-source.ts';
export { oldSystem } from './hooks/old-system.ts';
export { webhookSource } from './hooks/webhook.ts';
export { readGithubKeys } from './leaks/github-keys.ts';
export type { AlertSettings, AuthorityEvent, AuthorityPorts, ThreatSettings } from './rooms.ts';
export { commandTarget } from './rotation/delivery/command.ts';
export type { DeliveryTarget, DeliveryTargets } from './rotation/delivery/delivery.ts';
export { fileTarget } from './rotation/delivery/file.ts';
export { kubernetesTarget } from './rotation/delivery/kubernetes.ts';
export { vaultTarget } from './rotation/delivery/vault.ts';
export { webhookTarget } from './rotation/delivery/webhook.ts';
export { backupStore, inspectStore, migrateStore } from './store/offline.ts';
export { openStore } from './store/open-store.ts';
export type { StoreInspection } from './store/sqlite/inspect-sqlite.ts';
export type { Store } from './store/store.ts';
export type { NewEpoch } from './tenants/new-epoch.ts';
