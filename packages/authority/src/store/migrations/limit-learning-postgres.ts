/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const limitLearningPostgres: readonly string[] = [
  `CREATE TABLE "limit_baselines" (
    "tenant" text COLLATE "C" NOT NULL,
    "route" text COLLATE "C" NOT NULL,
    "limit_name" text COLLATE "C" NOT NULL,
    "caller" text COLLATE "C" NOT NULL,
    "baseline" bytea NOT NULL,
    "profile" bytea,
    "number" bigint NOT NULL,
    "judged_week" bigint NOT NULL,
    "held_until" bigint NOT NULL,
    "denied" bigint NOT NULL,
    "would_deny" bigint NOT NULL,
    "seen_at_seconds" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "route", "limit_name", "caller")
  )`,
  `CREATE INDEX "limit_baselines_by_tenant_number_route_limit_name_caller" ON "limit_baselines" (
    "tenant",
    "number",
    "route",
    "limit_name",
    "caller"
  )`,
  `CREATE INDEX "limit_baselines_by_seen_at_seconds" ON "limit_baselines" (
    "seen_at_seconds"
  )`,
  `CREATE TABLE "limit_changes" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "at" bigint NOT NULL,
    "route" text COLLATE "C" NOT NULL,
    "limit_name" text COLLATE "C" NOT NULL,
    "caller" text COLLATE "C" NOT NULL,
    "change" text COLLATE "C" NOT NULL,
    "former_profile" bytea,
    "status" text COLLATE "C" NOT NULL,
    "undone_at" bigint,
    "undone_by" text COLLATE "C",
    "undone_until" bigint,
    "undone_reason" text COLLATE "C",
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "limit_changes_by_tenant_at_id" ON "limit_changes" (
    "tenant",
    "at",
    "id"
  )`,
  `CREATE INDEX "limit_changes_by_tenant_route_limit_name_caller_status" ON "limit_changes" (
    "tenant",
    "route",
    "limit_name",
    "caller",
    "status"
  )`,
  `CREATE INDEX "limit_changes_by_expires_at_seconds" ON "limit_changes" (
    "expires_at_seconds"
  )`,
];
