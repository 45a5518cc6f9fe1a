"""A monitor that knows the contract's analytics and nothing of assay, as
somebody writes it against a tenant of his own.

    CLIENT_ID=… CLIENT_SECRET=… python3 monitor.py BASE_URL ACTION_ID

It prints the health report, and ends with 1 above 5 percent of errors.
"""

import base64
import datetime
import json
import os
import sys
import time
import urllib.error
import urllib.request

base, action_id = sys.argv[1:]


def post(path, body, headers):
    request = urllib.request.Request(base.rstrip("/") + path, data=body, headers=headers, method="POST")
    for attempt in range(5):
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                sys.exit("403: Invalid OAuth token or missing analytics:read scope")
            if error.code != 429 or attempt == 4:
                sys.exit(f"Failed to fetch action metrics: {error.code} {error.read().decode()}")
            time.sleep(float(error.headers.get("Retry-After", "2")))


def token():
    basic = base64.b64encode(f"{os.environ['CLIENT_ID']}:{os.environ['CLIENT_SECRET']}".encode()).decode()
    answer = post(
        "/api/v2/oauth/token",
        b"grant_type=client_credentials&scope=dataactions%3Aread+dataactions%3Awrite+analytics%3Aread",
        {"Authorization": "Basic " + basic, "Content-Type": "application/x-www-form-urlencoded"},
    )
    return answer["access_token"]


def rows():
    headers = {"Authorization": "Bearer " + token(), "Content-Type": "application/json"}
    query = {
        "interval": "PT24H",
        "groupBy": ["status", "errorCode"],
        "filter": {"type": "equals", "path": "actionId", "value": action_id},
        "metrics": ["executionCount", "errorCount", "averageDuration"],
    }
    pages, seen = 0, set()
    while True:
        page = post("/api/v2/analytics/actions/details/query", json.dumps(query).encode(), headers)
        pages += 1
        yield from page["data"]
        following = page.get("nextPageToken")
        if not following:
            print(f"{pages} pages", file=sys.stderr)
            return
        if following in seen:
            sys.exit("the page token repeats")
        seen.add(following)
        query["nextPageToken"] = following


total = errors = 0
codes = {}
for row in rows():
    total += row["executionCount"]
    errors += row["errorCount"]
    if row.get("errorCode"):
        count, duration = codes.get(row["errorCode"], (0, 0.0))
        codes[row["errorCode"]] = (count + row["errorCount"], duration + row["errorCount"] * row["averageDuration"])
rate = round(errors / total * 100, 2) if total else 0.0

print(f"Action Health Report: {action_id}")
print(f"Generated: {datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')}")
print(f"Total Executions: {total}")
print(f"Error Count: {errors}")
print(f"Error Rate: {rate}%")
print()
print("Top Error Codes:")
for code, (count, duration) in sorted(codes.items(), key=lambda item: -item[1][0])[:5]:
    print(f"  - {code}: {count} occurrences (Avg Duration: {duration / count:.0f}ms)")
if rate > 5.0:
    print("WARNING: Error rate exceeds 5 percent threshold. Review handler logs and upstream dependency status.")
    sys.exit(1)
print("STATUS: Action operating within acceptable parameters.")
