<?php
// A host in plain PHP: PHP's own sessions, and a route for those who have paid.
declare(strict_types=1);

function refuse(int $status): never
{
    http_response_code($status);
    exit;
}

function signed_in(): array
{
    return $_SESSION['user'] ?? null ? $_SESSION : refuse(401);
}

// tierlift
function tierlift(string $path, ?array $body = null): string
{
    $http = ['ignore_errors' => true, 'timeout' => 5];
    $http['header'] = ['authorization: Bearer ' . getenv('TIERLIFT_SERVICE_TOKEN'), 'content-type: application/json'];
    if ($body) {
        $http += ['method' => 'POST', 'content' => json_encode($body)];
    }
    $answer = @fopen(getenv('TIERLIFT_URL') . $path, 'r', false, stream_context_create(['http' => $http]));
    $status = $answer ? explode(' ', stream_get_meta_data($answer)['wrapper_data'][0])[1] : '503';
    // With 409 this sign-in is too old, or was revoked.
    return $status === '200' ? stream_get_contents($answer) : refuse($status === '409' ? 401 : 503);
}

/** Lets those pass who have this feature now, whatever they had when they signed in. */
function require_feature(string $feature): void
{
    ['user' => $user, 'at' => $at] = signed_in();
    $answer = json_decode(tierlift('/v1/users/' . rawurlencode($user) . "?authTime=$at"), true);
    in_array($feature, $answer['features'], true) or refuse(403);
}

function token(): void
{
    ['user' => $user, 'at' => $at] = signed_in();
    header('content-type: application/json');
    echo tierlift('/v1/tokens', ['userId' => $user, 'authTime' => $at]);
}
// end

function login(): void
{
    session_regenerate_id(true);
    $_SESSION = ['user' => $_POST['user'], 'at' => time()];
    header('location: /', true, 303);
}

function logout(): void
{
    $_SESSION = [];
    session_destroy();
    http_response_code(204);
}

function reports(): void
{
    require_feature('export');
    header('content-type: text/plain; charset=utf-8');
    echo 'the report of ', $_SESSION['user'];
}

$routes = ['GET /token' => token(...), 'POST /login' => login(...), 'POST /logout' => logout(...), 'GET /reports' => reports(...)];
$route = $routes[$_SERVER['REQUEST_METHOD'] . ' ' . parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)] ?? null;
if ($route === null) {
    // The built-in server serves the page.
    return false;
}
// A session that is open answers with `cache-control: no-store`, by itself.
session_start(['cookie_httponly' => true, 'cookie_samesite' => 'Lax', 'use_strict_mode' => true]);
$route();
