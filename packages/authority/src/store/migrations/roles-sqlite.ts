/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const rolesSqlite: readonly string[] = [
  `CREATE TABLE "roles" (
    "tenant" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "scopes" TEXT NOT NULL,
    "exclusive" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "name")
  ) STRICT`,
  `CREATE TABLE "groups" (
    "tenant" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "roles" TEXT NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "name")
  ) STRICT`,
  `CREATE TABLE "memberships" (
    "tenant" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "user_id", "kind", "name")
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX "memberships_by_tenant_kind_name_user_id" ON "memberships" (
    "tenant",
    "kind",
    "name",
    "user_id"
  )`,
  `CREATE TABLE "pat_policies" (
    "tenant" TEXT NOT NULL,
    "policy" TEXT NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant")
  ) STRICT`,
  `ALTER TABLE "keys" ADD COLUMN "pat" TEXT`,
];
