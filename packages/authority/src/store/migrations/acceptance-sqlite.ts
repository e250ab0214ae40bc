/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const acceptanceSqlite: readonly string[] = [
  'ALTER TABLE "keys" ADD COLUMN "acceptance" TEXT',
];
