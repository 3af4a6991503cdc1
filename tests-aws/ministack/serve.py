"""Serves ministack, an AWS emulator, on a loopback port with its state in a folder of its own.

ministack's own command listens on every interface, keeps files in /tmp, and passes its whole environment
to the functions that it runs. This program listens on 127.0.0.1, prints its port as soon as it answers,
enforces the policies of roles (AUTH), removes its files, and ends when its standard input is closed, so
that it never outlives the test that started it.

It adds nine behaviours of AWS that ministack 1.5.33 lacks and that the template, the functions and the
client rely on. They are added in memory:

- the subprotocol in the response of `$connect` is used in the handshake;
- `AWS::ApiGatewayV2::RouteResponse` is supported, and a function's response becomes a frame only on a
  route that has one;
- the CORS configuration of a template applies to its HTTP API;
- a socket that sends a binary frame is closed with 1003, and no function is called;
- policies know `dynamodb:LeadingKeys`, so that a condition on it can fail;
- a batch operation of SQS is allowed by the action of its single operation;
- the resource of a parameter that is named by its ARN, and of a version of it, is that ARN;
- events of a partner reach the bus of their source;
- stream records that a function reports as failed are retried. AWS retries from the first failed record
  on, this program retries the whole batch.

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

# The variables of the test's environment that functions may see: none that could lead to a real account.
KEPT = ("PATH", "HOME", "LANG", "AUTH", "LOG_LEVEL")


def reserved_port():
    """A socket whose port the system gives to nobody who asks for any port, and which ministack can still bind."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


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


def patch_sockets(apigateway):
    """Puts the `Sec-WebSocket-Protocol` of the `$connect` response into the 101; allows only text frames."""
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
    """A response without its body, unless the route has a route response."""
    responds = apigateway._route_responses.get(api, {}).get(route["routeId"])
    if isinstance(answer, dict) and not (route.get("routeResponseSelectionExpression") and responds):
        return {**answer, "body": ""}
    return answer


def provision_route_responses(apigateway, provisioners):
    """Supports `AWS::ApiGatewayV2::RouteResponse` with the API's own calls."""

    def create(_logical_id, properties, _stack):
        # In ministack `Ref` of a route is `api/route`; on AWS it is the route's id.
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
    """Renames `AllowOrigins` of a template to `allowOrigins` of the API, and so on."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    create = handlers["create"]

    def creating(logical_id, properties, stack):
        cors = properties.get("CorsConfiguration") or {}
        cors = {name[0].lower() + name[1:]: value for name, value in cors.items()}
        return create(logical_id, {**properties, "CorsConfiguration": cors}, stack)

    handlers["create"] = creating


def leading_keys(body):
    """The partition keys in a DynamoDB request. The partition key of tierlift's table is `pk`."""
    request = json.loads(body or b"{}")
    keys = [request.get("Key"), request.get("Item")]
    for item in request.get("TransactItems", []):
        keys += [part.get("Key", part.get("Item")) for part in item.values()]
    for table in request.get("RequestItems", {}).values():
        keys += table["Keys"] if isinstance(table, dict) else []
    return [key["pk"]["S"] for key in keys if key]


def add_leading_keys(iam_actions):
    context_of = iam_actions.dynamodb_service_context

    def with_keys(body):
        keys = leading_keys(body)
        return {**context_of(body), **({"dynamodb:LeadingKeys": keys} if keys else {})}

    iam_actions.dynamodb_service_context = with_keys


def allow_batches(iam_actions):
    """IAM has no action `sqs:DeleteMessageBatch`: checks `sqs:DeleteMessage` for it."""
    action_of = iam_actions.extract_iam_action

    def single_action_of(*request):
        action = action_of(*request)
        return action.removesuffix("Batch") if action and action.startswith("sqs:") else action

    iam_actions.extract_iam_action = single_action_of


def name_parameters_by_arn(iam_actions):
    """`GetParameter` takes an ARN, and a version or label behind a colon: both are the parameter of that ARN."""
    resource_of = iam_actions.extract_resource_arn

    def parameter_of(service, *request, **named):
        resource = resource_of(service, *request, **named)
        before, found, name = resource.rpartition(":parameter/") if service == "ssm" else ("", "", resource)
        if not found:
            return resource
        # Without the parameter that the ARN was taken for the name of.
        return f"{before[before.rfind('arn:'):]}{found}{name.partition(':')[0]}"

    iam_actions.extract_resource_arn = parameter_of


def number_mappings(lambda_service):
    """Answers the numbers of event source mappings as numbers: CloudFormation gives them as text."""
    respond = lambda_service._esm_response

    def responding(mapping):
        scaling = mapping.get("ScalingConfig") or {}
        numbers = {name: int(value) for name, value in scaling.items()}
        return respond({**mapping, "ScalingConfig": numbers} if numbers else mapping)

    lambda_service._esm_response = responding


def retry_failed_records(lambda_service):
    """Makes a stream batch fail whose response reports a failed record."""
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


def deliver_partner_events(eventbridge):
    """Puts the events of a partner on the bus that has the name of their source."""

    def putting(data):
        entries = [{**entry, "EventBusName": entry["Source"]} for entry in data["Entries"]]
        return eventbridge._put_events({"Entries": entries}, allow_aws_source=True)

    eventbridge._put_partner_events = putting


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
    # `sys.stdin` has a lock; held here, it would abort an interpreter that ends by a signal.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def end_functions():
    """Kills the functions that still run: each is a child process that waits for its next event."""
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if f"\nPPid:\t{os.getpid()}\n" in status.read_text():
                os.kill(int(status.parent.name), signal.SIGKILL)


def main():
    # Until ministack binds the port, many other tests ask for ports. The socket is kept as long as the process.
    reserved = None if len(sys.argv) > 1 else reserved_port()
    port = reserved.getsockname()[1] if reserved else int(sys.argv[1])
    folder = tempfile.mkdtemp(prefix="ministack-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # Handlers run in reverse order: the functions end before their folder is removed.
    atexit.register(end_functions)
    set_environment(port, folder)

    # ministack reads the environment when it is imported.
    from ministack import app
    from ministack.core import iam_actions
    from ministack.services import apigateway, eventbridge, lambda_svc
    from ministack.services.cloudformation import provisioners

    patch_sockets(apigateway)
    provision_route_responses(apigateway, provisioners)
    answer_cors(provisioners)
    add_leading_keys(iam_actions)
    allow_batches(iam_actions)
    name_parameters_by_arn(iam_actions)
    retry_failed_records(lambda_svc)
    number_mappings(lambda_svc)
    deliver_partner_events(eventbridge)

    for task, arguments in ((announce, (port,)), (end_with_input, ())):
        threading.Thread(target=task, args=arguments, daemon=True).start()
    sys.argv = sys.argv[:1]
    app.main()


if __name__ == "__main__":
    main()
