/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const policiesPostgres: readonly string[] = [
  `CREATE TABLE "policies" (
    "tenant" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "newest" bigint NOT NULL,
    "enforced" bigint,
    "shadow" bigint,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "name")
  )`,
  `CREATE TABLE "policy_versions" (
    "tenant" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "number" bigint NOT NULL,
    "document" text COLLATE "C" NOT NULL,
    "author" text COLLATE "C" NOT NULL,
    "reason" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    PRIMARY KEY ("tenant", "name", "number")
  )`,
  `CREATE TABLE "policy_tallies" (
    "tenant" text COLLATE "C" NOT NULL,
    "policy" text COLLATE "C" NOT NULL,
    "number" bigint NOT NULL,
    "against" bigint NOT NULL,
    "route" text COLLATE "C" NOT NULL,
    "action" text COLLATE "C" NOT NULL,
    "judged" bigint NOT NULL,
    "newly_denied" bigint NOT NULL,
    "newly_allowed" bigint NOT NULL,
    "failed" bigint NOT NULL,
    "denied_example" text COLLATE "C",
    "allowed_example" text COLLATE "C",
    "first_at" bigint NOT NULL,
    "last_at" bigint NOT NULL,
    PRIMARY KEY ("tenant", "policy", "number", "against", "route", "action")
  )`,
  `CREATE TABLE "decisions" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "at" bigint NOT NULL,
    "decision" text COLLATE "C" NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "decisions_by_tenant_at_id" ON "decisions" (
    "tenant",
    "at",
    "id"
  )`,
  `CREATE INDEX "decisions_by_expires_at_seconds" ON "decisions" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "apis" (
    "tenant" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "api" text COLLATE "C" NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "name")
  )`,
];
