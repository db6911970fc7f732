/* SPDX-License-Identifier: Apache-2.0 */

/*
 * model_query - the texts of the queries and their variables
 *
 * model_answer.c writes the same fields in the same order.
 */

#include "tests/sim/model_state.h"

#define STRING_OF(x) #x
#define NUMBER(x) STRING_OF(x)
#define PROFILE_EVENTS 400
#define PROFILE_SESSIONS 200
static_assert(PROFILE_EVENTS == MODEL_PROFILE_EVENTS, "in the text");
static_assert(PROFILE_SESSIONS == MODEL_PROFILE_SESSIONS, "in the text");

#define EVENT_FIELDS \
    "tenantId eventId eventType eventTime receivedAt canonicalId anonymousId userId clientSessionId " \
    "session{sessionId revision} pageUrl referrer elementId featureName deviceType browser os country " \
    "properties late"
#define SESSION_FIELDS \
    "sessionId revision tenantId canonicalId open startTime endTime durationSec eventCount pages " \
    "entryPage exitPage eventTypes{key count} deviceType browser os country"
#define PROFILE_FIELDS \
    "tenantId canonicalId userId userIds anonymousIds mergedIds firstSeen lastSeen totalEvents " \
    "totalSessions events1d events7d events30d events90d sessions1d sessions7d sessions30d sessions90d " \
    "avgSessionDurationSec currentSession{" SESSION_FIELDS "} eventCounts{key count} pageViews clicks " \
    "signups logins featureUses topPages(first:64){key count} topFeatures(first:64){key count} lastPage " \
    "lastCountry lastDevice lastBrowser lastOs traits " \
    "sessions(first:" NUMBER( \
        PROFILE_SESSIONS) "){nodes{" SESSION_FIELDS "} " \
                          "pageInfo{hasNextPage hasPreviousPage}} " \
                          "events(first:" NUMBER(PROFILE_EVENTS) "){nodes{" EVENT_FIELDS \
                                                                 "} pageInfo{hasNextPage hasPreviousPage}}"
#define TENANT_FIELDS "id totalEvents totalProfiles activeSessions watermark"
#define PAGE_INFO "pageInfo{hasNextPage hasPreviousPage endCursor}"

const char *
model_query(enum model_shape shape)
{
    switch (shape) {
    case MODEL_PROFILE:
        return "query($tenantId:ID!,$id:ID,$userId:String,$anonymousId:String,$asOf:DateTime)"
               "{profile(tenantId:$tenantId,id:$id,userId:$userId,anonymousId:$anonymousId,asOf:$asOf)"
               "{" PROFILE_FIELDS "}}";
    case MODEL_TENANTS:
        return "{tenants{" TENANT_FIELDS "}}";
    case MODEL_TENANT:
        return "query($tenantId:ID!){tenant(id:$tenantId){" TENANT_FIELDS "}}";
    case MODEL_EVENTS:
        return "query($tenantId:ID!,$first:Int,$after:String,$eventType:String,$id:ID,$deviceType:String,"
               "$country:String,$from:DateTime,$to:DateTime,$late:Boolean)"
               "{events(tenantId:$tenantId,first:$first,after:$after,filter:{eventType:$eventType,"
               "canonicalId:$id,"
               "deviceType:$deviceType,country:$country,from:$from,to:$to,late:$late})"
               "{nodes{" EVENT_FIELDS "} " PAGE_INFO "}}";
    case MODEL_SESSIONS:
        return "query($tenantId:ID!,$first:Int,$after:String,$id:ID,$open:Boolean,$from:DateTime,$to:"
               "DateTime)"
               "{sessions(tenantId:$tenantId,first:$first,after:$after,filter:{canonicalId:$id,open:$open,"
               "from:$from,to:$to}){nodes{" SESSION_FIELDS "} " PAGE_INFO "}}";
    case MODEL_MERGES:
        return "query($tenantId:ID!,$first:Int,$after:String)"
               "{merges(tenantId:$tenantId,first:$first,after:$after)"
               "{nodes{tenantId loser winner eventTime} " PAGE_INFO "}}";
    case MODEL_EVENT:
        return "query($tenantId:ID!,$eventId:ID!){event(tenantId:$tenantId,eventId:$eventId){" EVENT_FIELDS
               "}}";
    case MODEL_SUMMARY:
        return "query($tenantId:ID!,$from:DateTime!,$to:DateTime!){summary(tenantId:$tenantId,from:$from,to:$"
               "to)"
               "{users sessions events avgDurationSec eventsPerSession}}";
    case MODEL_BREAKDOWN:
        return "query($tenantId:ID!,$metric:Metric!,$by:Dimension!,$from:DateTime!,$to:DateTime!,$first:Int,"
               "$where:[DimensionValue!]){breakdown(tenantId:$tenantId,metric:$metric,by:$by,from:$from,to:$"
               "to,"
               "first:$first,where:$where){key value}}";
    case MODEL_TIME_SERIES:
        return "query($tenantId:ID!,$metric:Metric!,$interval:Interval!,$from:DateTime!,$to:DateTime!,"
               "$where:[DimensionValue!]){timeSeries(tenantId:$tenantId,metric:$metric,interval:$interval,"
               "from:$from,"
               "to:$to,where:$where){time value}}";
    case MODEL_TIME_SERIES_BY:
        return "query($tenantId:ID!,$metric:Metric!,$by:Dimension!,$interval:Interval!,$from:DateTime!,"
               "$to:DateTime!,$first:Int,$where:[DimensionValue!]){timeSeriesBy(tenantId:$tenantId,metric:$"
               "metric,"
               "by:$by,interval:$interval,from:$from,to:$to,first:$first,where:$where)"
               "{key points{time value}}}";
    case MODEL_PROFILES:
        return "query($tenantId:ID!,$first:Int,$after:String,$orderBy:ProfileOrder,$country:String,"
               "$deviceType:String,$from:DateTime,$to:DateTime,$identified:Boolean)"
               "{profiles(tenantId:$tenantId,first:$first,after:$after,orderBy:$orderBy,filter:{country:$"
               "country,"
               "deviceType:$deviceType,seenFrom:$from,seenTo:$to,identified:$identified})"
               "{nodes{canonicalId userId firstSeen lastSeen totalEvents totalSessions lastCountry "
               "lastDevice} " PAGE_INFO " totalCount}}";
    case MODEL_SHAPE_COUNT:
        break;
    }
    base_die("REQUIRE", "a shape that exists", __FILE__, __LINE__);
}

/* ---- variables ---- */

static const char *const metric_names[] = {"EVENTS", "USERS", "SESSIONS", "AVG_SESSION_DURATION_SEC"};
static const char *const order_names[] = {"LAST_SEEN_DESC", "FIRST_SEEN_DESC", "TOTAL_EVENTS_DESC",
                                          "TOTAL_SESSIONS_DESC"};
static const char *const interval_names[] = {"MINUTE", "HOUR", "DAY"};
static const char *const by_names[] = {"EVENT_TYPE", "COUNTRY", "DEVICE_TYPE", "BROWSER", "OS", "PAGE_URL"};

static void
send_text(struct json_out *out, struct text key, struct text value)
{
    if (value.bytes > 0) {
        model_put_text(out, key, value);
    }
}

static void
send_time(struct json_out *out, struct text key, bool is_sent, int64_t value)
{
    if (is_sent) {
        model_put_time(out, key, value);
    }
}

static void
send_maybe(struct json_out *out, struct text key, enum model_maybe value)
{
    if (value != MODEL_ANY) {
        model_put_bool(out, key, value == MODEL_YES);
    }
}

static void
send_list(struct json_out *out, const struct model_variables *variables)
{
    model_put_int(out, TEXT("first"), variables->first);
    send_text(out, TEXT("after"), variables->after);
}

static void
send_rollup(struct json_out *out, const struct model_variables *variables)
{
    model_put_text(out, TEXT("metric"), text_of(metric_names[variables->metric]));
    if (variables->where_count == 0) {
        return;
    }
    json_out_key(out, TEXT("where"));
    json_out_array_begin(out);
    for (uint32_t i = 0; i < variables->where_count; i++) {
        json_out_object_begin(out);
        model_put_text(out, TEXT("by"), text_of(by_names[variables->where[i].by]));
        model_put_text(out, TEXT("equals"), variables->where[i].equals);
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

char *
model_query_variables(enum model_shape shape, const struct model_variables *variables)
{
    bool has_range = shape == MODEL_SUMMARY || shape == MODEL_BREAKDOWN || shape == MODEL_TIME_SERIES ||
                     shape == MODEL_TIME_SERIES_BY;
    bool has_filter = shape == MODEL_EVENTS || shape == MODEL_SESSIONS || shape == MODEL_PROFILES;
    struct model carrier = {0}; /* only for the arena */
    struct json_out out;
    char *json;

    arena_pool_init(&carrier.pool, 0);
    arena_init(&carrier.scratch, &carrier.pool, 0);
    json_out_init(&out, &carrier.scratch);
    json_out_object_begin(&out);
    if (shape != MODEL_TENANTS) {
        model_put_text(&out, TEXT("tenantId"), variables->tenant_id);
    }
    if (shape == MODEL_PROFILE || shape == MODEL_EVENTS || shape == MODEL_SESSIONS) {
        send_text(&out, TEXT("id"), variables->id);
    }
    if (has_range || has_filter) {
        send_time(&out, TEXT("from"), has_range || variables->has_from, variables->from_ms);
        send_time(&out, TEXT("to"), has_range || variables->has_to, variables->to_ms);
    }
    if (shape == MODEL_PROFILE) {
        send_text(&out, TEXT("userId"), variables->user_id);
        send_text(&out, TEXT("anonymousId"), variables->anonymous_id);
        send_time(&out, TEXT("asOf"), variables->has_as_of, variables->as_of_ms);
    }
    if (shape == MODEL_EVENTS) {
        send_list(&out, variables);
        send_text(&out, TEXT("eventType"), variables->event_type);
        send_text(&out, TEXT("deviceType"), variables->device_type);
        send_text(&out, TEXT("country"), variables->country);
        send_maybe(&out, TEXT("late"), variables->late);
    }
    if (shape == MODEL_SESSIONS) {
        send_list(&out, variables);
        send_maybe(&out, TEXT("open"), variables->open);
    }
    if (shape == MODEL_MERGES) {
        send_list(&out, variables);
    }
    if (shape == MODEL_PROFILES) {
        send_list(&out, variables);
        model_put_text(&out, TEXT("orderBy"), text_of(order_names[variables->order]));
        send_text(&out, TEXT("deviceType"), variables->device_type);
        send_text(&out, TEXT("country"), variables->country);
        send_maybe(&out, TEXT("identified"), variables->identified);
    }
    if (shape == MODEL_EVENT) {
        model_put_text(&out, TEXT("eventId"), variables->event_id);
    }
    if (shape == MODEL_BREAKDOWN) {
        send_rollup(&out, variables);
        model_put_text(&out, TEXT("by"), text_of(by_names[variables->by]));
        model_put_int(&out, TEXT("first"), variables->first);
    }
    if (shape == MODEL_TIME_SERIES_BY) {
        send_rollup(&out, variables);
        model_put_text(&out, TEXT("by"), text_of(by_names[variables->by]));
        model_put_text(&out, TEXT("interval"), text_of(interval_names[variables->interval]));
        model_put_int(&out, TEXT("first"), variables->first);
    }
    if (shape == MODEL_TIME_SERIES) {
        send_rollup(&out, variables);
        model_put_text(&out, TEXT("interval"), text_of(interval_names[variables->interval]));
    }
    json_out_object_end(&out);
    json = model_finish(&carrier, &out);
    arena_pool_deinit(&carrier.pool);
    return json;
}
