// One small event of each kind, assigned to the types of every generated client.
const sources = [{ publisher: "Example Wire", url: "https://example.org/1" }];

export const attack = {
    kind: "attack" as const,
    title: "Drones over Odesa",
    started_at: "2025-09-08T04:00:00+03:00",
    sources,
    locations: [{ name: "Odesa", country: "UA", role: "target" as const }],
    casualties: [{ measure: "injured" as const, group: "civilian" as const, count: 3 }],
    detail: {
        munitions: [{ category: "uav_one_way_attack" as const, launched: { low: 20, best: 24, high: 30 } }],
        targets: [{ category: "port" as const, outcome: "hit" as const }],
    },
};

export const negotiationRound = {
    kind: "negotiation_round" as const,
    title: "A third round in Istanbul",
    started_at: "2025-07-23T10:00:00+03:00",
    sources,
    detail: { state: "held" as const, issues: ["prisoner_exchange" as const], level: "delegation" as const },
};

export const sanctionMove = {
    kind: "sanction_move" as const,
    title: "A package is proposed",
    started_at: "2025-09-08T09:00:00Z",
    sources,
    detail: {
        authority: { name: "European Union", type: "igo" as const, country: "EU" },
        stage: "proposed" as const,
        measures: [{ type: "asset_freeze" as const, targets: [{ name: "Example Bank", schema: "Company" as const }] }],
    },
};

export const securityGuarantee = {
    kind: "security_guarantee" as const,
    title: "A pledge of troops",
    started_at: "2025-09-04T10:00:00Z",
    sources,
    detail: {
        stage: "pledged" as const,
        commitments: ["troop_deployment" as const],
        pledgers: { count: 26 },
    },
};

export const address = process.env.SITREP_CHECK_URL ?? "";
export const key = process.env.SITREP_CHECK_KEY ?? "";

export function equal(found: unknown, wanted: unknown, what: string): void {
    if (found !== wanted) throw new Error(`${what}: ${String(found)} instead of ${String(wanted)}`);
}
