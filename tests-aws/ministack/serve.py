"""Serves ministack, an emulator of AWS, on a loopback port with its state in a folder of its own.

Started as a program of its own ministack listens on every interface, keeps files in /tmp, and hands its
whole environment to the functions it runs. This listens on 127.0.0.1, prints its port once it answers,
enforces the roles' policies (AUTH), removes what it wrote, and ends when its standard input does: it
never outlives the test that started it.

Seven things that AWS does and ministack 1.5.33 does not are added in memory, because the template, the
functions and the client rest on them:

- the subprotocol that `$connect` answers is the handshake's;
- `AWS::ApiGatewayV2::RouteResponse` exists, and a function's answer becomes a frame only on a route that
  has one;
- the CORS of an HTTP API that a template makes is answered;
- a socket that sends a binary frame is closed with 1003, and no function hears of it;
- `dynamodb:LeadingKeys` is known to policies, so that a condition on it can fail;
- a batch of SQS is allowed by the right to do one;
- a record of a stream that a function answers as failed comes again. On AWS it does from that record
  on, here with its whole batch.

Usage: python serve.py [PORT]
"""

import atexit
import contextlib
import contextvars
import json
import os
import pathlib
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.request

# What a function may see of the environment that a test was started in: nothing that would lead it to
# a real account.
KEPT = ("PATH", "HOME", "LANG", "AUTH", "LOG_LEVEL")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def set_environment(port, folder):
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    os.environ.clear()
    os.environ.update(
        {
            "AUTH": "true",
            "LOG_LEVEL": "WARNING",
            **kept,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_HOST": "127.0.0.1",
            "S3_DATA_DIR": os.path.join(folder, "s3"),
            "STATE_DIR": folder,
            "TMPDIR": folder,
        }
    )
    tempfile.tempdir = folder


def mend_sockets(apigateway):
    """The `Sec-WebSocket-Protocol` of a `$connect` answer goes into the 101; frames are text."""
    chosen = contextvars.ContextVar("chosen")
    invoke, handle = apigateway._invoke_ws_lambda, apigateway.handle_websocket

    async def invoking(api, account, region, route, stage, connection, event_type, *rest, **named):
        answer = await invoke(api, account, region, route, stage, connection, event_type, *rest, **named)
        if event_type == "CONNECT":
            headers = (answer or {}).get("headers") or {}
            protocols = [value for name, value in headers.items() if name.lower() == "sec-websocket-protocol"]
            chosen.get().extend(protocols)
        return answer if event_type != "MESSAGE" else framed(apigateway, api, route, answer)

    async def handling(scope, receive, send, *rest, **named):
        protocols = []
        chosen.set(protocols)

        async def sending(message):
            if message["type"] == "websocket.accept" and protocols:
                message = {**message, "subprotocol": protocols[0]}
            await send(message)

        async def receiving():
            message = await receive()
            if message.get("bytes") is None:
                return message
            await send({"type": "websocket.close", "code": 1003})
            return {"type": "websocket.disconnect", "code": 1003}

        await handle(scope, receiving, sending, *rest, **named)

    apigateway._invoke_ws_lambda, apigateway.handle_websocket = invoking, handling


def framed(apigateway, api, route, answer):
    """An answer without its body, unless the route is said to respond."""
    responds = apigateway._route_responses.get(api, {}).get(route["routeId"])
    if isinstance(answer, dict) and not (route.get("routeResponseSelectionExpression") and responds):
        return {**answer, "body": ""}
    return answer


def provision_route_responses(apigateway, provisioners):
    """`AWS::ApiGatewayV2::RouteResponse`, by the calls that the API itself has for it."""

    def create(_logical_id, properties, _stack):
        # Here `Ref` of a route is `api/route`; on AWS it is the route's id.
        api, route = properties["ApiId"], properties["RouteId"].rpartition("/")[2]
        data = {"routeResponseKey": properties["RouteResponseKey"]}
        status, _, body = apigateway._create_route_response(api, route, data)[:3]
        if status >= 400:
            raise ValueError(body)
        response = json.loads(body)["routeResponseId"]
        return f"{api}/{route}/{response}", {"RouteResponseId": response}

    def delete(physical_id, _properties):
        apigateway._delete_route_response(*physical_id.split("/"))

    handlers = {"create": create, "delete": delete}
    provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::RouteResponse"] = handlers


def answer_cors(provisioners):
    """A template's `AllowOrigins` is the API's `allowOrigins`."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    create = handlers["create"]

    def creating(logical_id, properties, stack):
        cors = properties.get("CorsConfiguration") or {}
        cors = {name[0].lower() + name[1:]: value for name, value in cors.items()}
        return create(logical_id, {**properties, "CorsConfiguration": cors}, stack)

    handlers["create"] = creating


def leading_keys(body):
    """The partition keys that a DynamoDB request names, in this project's one attribute for them."""
    request = json.loads(body or b"{}")
    keys = [request.get("Key"), request.get("Item")]
    for item in request.get("TransactItems", []):
        keys += [part.get("Key", part.get("Item")) for part in item.values()]
    for table in request.get("RequestItems", {}).values():
        keys += table["Keys"] if isinstance(table, dict) else []
    return [key["pk"]["S"] for key in keys if key]


def know_leading_keys(iam_actions):
    context_of = iam_actions.dynamodb_service_context

    def with_keys(body):
        keys = leading_keys(body)
        return {**context_of(body), **({"dynamodb:LeadingKeys": keys} if keys else {})}

    iam_actions.dynamodb_service_context = with_keys


def allow_batches(iam_actions):
    """`sqs:DeleteMessageBatch` is no action of IAM's: `sqs:DeleteMessage` is asked for."""
    action_of = iam_actions.extract_iam_action

    def of_one(*request):
        action = action_of(*request)
        return action.removesuffix("Batch") if action and action.startswith("sqs:") else action

    iam_actions.extract_iam_action = of_one


def repeat_failed_records(lambda_service):
    """A stream's batch of which something failed is a failed batch."""
    execute = lambda_service._execute_function

    def executing(function, event, *rest, **named):
        result = execute(function, event, *rest, **named)
        records = event.get("Records") if isinstance(event, dict) else None
        if records and records[0].get("eventSource") == "aws:dynamodb" and failures(result.get("body")):
            return {**result, "error": True}
        return result

    lambda_service._execute_function = executing


def failures(body):
    answer = json.loads(body) if isinstance(body, str) and body else body
    return answer.get("batchItemFailures") if isinstance(answer, dict) else None


def announce(port):
    """Prints the port as soon as the emulator answers there."""
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=1):
                print(port, flush=True)
                return
        except OSError:
            time.sleep(0.02)


def end_with_input():
    # Not by `sys.stdin`: its lock, held here, would abort an interpreter that ends by a signal.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def end_functions():
    """Ends the functions that still run: each is a child that waits for its next event."""
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if f"\nPPid:\t{os.getpid()}\n" in status.read_text():
                os.kill(int(status.parent.name), signal.SIGKILL)


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else free_port()
    folder = tempfile.mkdtemp(prefix="ministack-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # Last in, first out: what runs in the folder ends before the folder goes.
    atexit.register(end_functions)
    set_environment(port, folder)

    # Only now, since it reads the environment when it is imported.
    from ministack import app
    from ministack.core import iam_actions
    from ministack.services import apigateway, lambda_svc
    from ministack.services.cloudformation import provisioners

    mend_sockets(apigateway)
    provision_route_responses(apigateway, provisioners)
    answer_cors(provisioners)
    know_leading_keys(iam_actions)
    allow_batches(iam_actions)
    repeat_failed_records(lambda_svc)

    for task, arguments in ((announce, (port,)), (end_with_input, ())):
        threading.Thread(target=task, args=arguments, daemon=True).start()
    sys.argv = sys.argv[:1]
    app.main()


if __name__ == "__main__":
    main()
