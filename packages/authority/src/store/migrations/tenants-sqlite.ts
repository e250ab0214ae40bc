/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const tenantsSqlite: readonly string[] = [
  'ALTER TABLE "tenants" ADD COLUMN "settings" TEXT',
  'ALTER TABLE "tenants" ADD COLUMN "sessions_ended_before" INTEGER',
];
