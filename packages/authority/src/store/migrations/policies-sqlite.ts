/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const policiesSqlite: readonly string[] = [
  `CREATE TABLE "policies" (
    "tenant" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "newest" INTEGER NOT NULL,
    "enforced" INTEGER,
    "shadow" INTEGER,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "name")
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE "policy_versions" (
    "tenant" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "document" TEXT NOT NULL,
    "author" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "name", "number")
  ) STRICT`,
  `CREATE TABLE "policy_tallies" (
    "tenant" TEXT NOT NULL,
    "policy" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "against" INTEGER NOT NULL,
    "route" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "judged" INTEGER NOT NULL,
    "newly_denied" INTEGER NOT NULL,
    "newly_allowed" INTEGER NOT NULL,
    "failed" INTEGER NOT NULL,
    "denied_example" TEXT,
    "allowed_example" TEXT,
    "first_at" INTEGER NOT NULL,
    "last_at" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "policy", "number", "against", "route", "action")
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE "decisions" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "at" INTEGER NOT NULL,
    "decision" TEXT NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT`,
  `CREATE INDEX "decisions_by_tenant_at_id" ON "decisions" (
    "tenant",
    "at",
    "id"
  )`,
  `CREATE INDEX "decisions_by_expires_at_seconds" ON "decisions" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "apis" (
    "tenant" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "api" TEXT NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "name")
  ) STRICT`,
];
