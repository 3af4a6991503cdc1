# frozen_string_literal: true

# A host on Rails, in one file: its own sessions in an encrypted cookie, and a route for those who have paid.
ENV['RAILS_ENV'] ||= 'production'

require 'action_controller/railtie'
require 'net/http'

class Host < Rails::Application
  config.load_defaults 6.1
  config.cache_classes = true
  config.eager_load = false
  config.secret_key_base = ENV.fetch('SESSION_SECRET') { SecureRandom.hex(64) }
  config.session_store :cookie_store, key: 'session', same_site: :lax
  config.paths['public'] = ENV.fetch('PAGE', File.expand_path('../page', __dir__))
  config.public_file_server.enabled = true
  config.logger = Logger.new($stderr)
  config.log_level = :warn

  routes.append do
    get 'token' => 'tokens#show'
    get 'reports' => 'reports#show'
    post 'login' => 'sessions#create'
    post 'logout' => 'sessions#destroy'
  end
end
Host.initialize!

class ApplicationController < ActionController::Base
  def signed_in
    # The cookie is not sent back by a request that only reads it: one that is late would undo a sign-out.
    request.session_options[:skip] = true
    head :unauthorized unless session[:user]
  end
end

# tierlift
module Tierlift
  # The answer of tierlift. Where it is none, the request is answered already.
  def tierlift(path, body = nil)
    uri = URI(ENV.fetch('TIERLIFT_URL') + path)
    headers = { 'authorization' => "Bearer #{ENV.fetch('TIERLIFT_SERVICE_TOKEN')}" }
    request = (body ? Net::HTTP::Post : Net::HTTP::Get).new(uri, headers)
    request.body = body&.to_json
    options = { use_ssl: uri.scheme == 'https', open_timeout: 5, read_timeout: 5 }
    answer = Net::HTTP.start(uri.host, uri.port, options) { |http| http.request(request) }
    return JSON.parse(answer.body) if answer.is_a?(Net::HTTPOK)

    # This sign-in is too old, or was revoked.
    head answer.is_a?(Net::HTTPConflict) ? :unauthorized : :service_unavailable
  rescue SystemCallError, Timeout::Error
    head :service_unavailable
  end

  # Lets those pass who have this feature now, whatever they had when they signed in.
  def require_feature(feature)
    user = tierlift("/v1/users/#{ERB::Util.url_encode(session[:user])}?authTime=#{session[:at]}")
    head :forbidden unless performed? || user['features'].include?(feature)
  end
end

class TokensController < ApplicationController
  include Tierlift
  before_action :signed_in

  def show
    issued = tierlift('/v1/tokens', { userId: session[:user], authTime: session[:at] })
    response.headers['cache-control'] = 'no-store'
    render json: issued unless performed?
  end
end
# end

class ReportsController < ApplicationController
  include Tierlift
  before_action :signed_in
  before_action -> { require_feature('export') }

  def show
    render plain: "the report of #{session[:user]}"
  end
end

class SessionsController < ApplicationController
  # The cookie is not sent from other sites.
  skip_forgery_protection

  def create
    reset_session
    session[:user] = params.require(:user)
    session[:at] = Time.now.to_i
    redirect_to '/', status: :see_other
  end

  def destroy
    reset_session
    head :no_content
  end
end

run Host
